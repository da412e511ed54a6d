"""Writes small ONNX files, so that the tests need no other package: messages of protobuf by their field numbers."""

from __future__ import annotations

import struct
from typing import Any, Iterable, Optional, Sequence

import numpy as np

_TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "bool": 9}


def _varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, value: Any) -> bytes:
    if isinstance(value, (int, np.integer)):
        return _varint(number << 3) + _varint(int(value))
    if isinstance(value, float):
        return _varint(number << 3 | 5) + struct.pack("<f", value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _message(*fields: tuple[int, Any]) -> bytes:
    return b"".join(_field(number, value) for number, value in fields)


def _tensor(name: str, array: np.ndarray) -> bytes:
    dims = [(1, size) for size in array.shape]
    return _message(*dims, (2, _TYPES[array.dtype.name]), (8, name), (9, np.ascontiguousarray(array).tobytes()))


def _attribute(name: str, value: Any) -> bytes:
    if isinstance(value, float):
        return _message((1, name), (2, value), (20, 1))
    if isinstance(value, int):
        return _message((1, name), (3, value), (20, 2))
    if isinstance(value, str):
        return _message((1, name), (4, value), (20, 3))
    return _message((1, name), *[(8, item) for item in value], (20, 7))


def node(op: str, inputs: Sequence[str], outputs: Sequence[str], name: Optional[str] = None, **attributes: Any) -> bytes:
    """A node."""
    return _message(
        *[(1, item) for item in inputs],
        *[(2, item) for item in outputs],
        (3, name or outputs[0]),
        (4, op),
        *[(5, _attribute(key, value)) for key, value in attributes.items()],
    )


def value(name: str, shape: Iterable[Optional[int]], dtype: str = "float32") -> bytes:
    """An input or output."""
    dims = b"".join(_field(1, _message((2, "n") if size is None else (1, size))) for size in shape)
    return _message((1, name), (2, _message((1, _message((1, _TYPES[dtype]), (2, dims))))))


def model(nodes: Sequence[bytes], inputs: Sequence[bytes], outputs: Sequence[bytes], **constants: np.ndarray) -> bytes:
    """The bytes of a file."""
    graph = _message(
        *[(1, item) for item in nodes],
        (2, "test"),
        *[(5, _tensor(name, array)) for name, array in constants.items()],
        *[(11, item) for item in inputs],
        *[(12, item) for item in outputs],
    )
    return _message((1, 8), (7, graph), (8, _message((1, ""), (2, 13))))
