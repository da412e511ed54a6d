"""The names of onnxruntime.quantization, done by this package: ``from eightbit.quantization import quantize_static``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from enum import Enum
from os import PathLike
from typing import Any, Optional, Sequence, Union

from ._progress import Progress
from ._quantize import Quantized, quantize
from ._report import supported
from .errors import ArgumentError, UnsupportedError

__all__ = ["CalibrationDataReader", "CalibrationMethod", "QuantFormat", "QuantType", "quantize_static"]


class CalibrationDataReader(ABC):
    """Examples to calibrate with, one after the other."""

    @abstractmethod
    def get_next(self) -> Optional[dict[str, Any]]:
        """The next example, a dict of arrays by the names of the inputs; ``None`` in the end."""

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return self

    def __next__(self) -> dict[str, Any]:
        example = self.get_next()
        if example is None:
            raise StopIteration
        return example


class QuantFormat(Enum):
    """The form of the file. Only QDQ is written."""

    QOperator = 0
    QDQ = 1


class QuantType(Enum):
    """The types of quantized values. Activations are written as uint8 and weights as int8."""

    QInt8 = 0
    QUInt8 = 1
    QInt16 = 3
    QUInt16 = 4
    QInt4 = 5
    QUInt4 = 6


class CalibrationMethod(Enum):
    """How the ranges of activations are chosen."""

    MinMax = 0
    Entropy = 1
    Percentile = 2
    Distribution = 3


_RANGES = {"MinMax": "min_max", "Entropy": "entropy", "Percentile": "percentile"}


def _name(value: Any) -> str:
    """The name of a member of these enumerations, or of onnxruntime's."""
    return getattr(value, "name", str(value))


def _extra(options: dict[str, Any]) -> dict[str, Any]:
    """The options of ``quantize`` for ``extra_options``; an error for what has no equal here."""
    options = dict(options)
    found = {
        "percentile": float(options.pop("CalibPercentile", 99.99)),
        "effort": int(options.pop("Effort", 1)),
    }
    # What is as it is here, and what only concerns how onnxruntime works.
    same = {"WeightSymmetric": True, "ActivationSymmetric": False, "QuantizeBias": True}
    for name, value in same.items():
        if bool(options.pop(name, value)) != value:
            raise UnsupportedError(f"extra_options: {name} is always {value} here")
    for name in ("CalibMaxIntermediateOutputs", "ForceQuantizeNoInputCheck", "EnableSubgraph"):
        options.pop(name, None)
    if options:
        raise UnsupportedError(f"extra_options: {', '.join(sorted(options))} cannot be had here: leave it out")
    return found


def quantize_static(
    model_input: Any,
    model_output: Union[str, PathLike[str]],
    calibration_data_reader: Any = None,
    quant_format: Any = QuantFormat.QDQ,
    op_types_to_quantize: Optional[Sequence[str]] = None,
    per_channel: bool = False,
    reduce_range: bool = False,
    activation_type: Any = QuantType.QInt8,
    weight_type: Any = QuantType.QInt8,
    nodes_to_quantize: Optional[Sequence[str]] = None,
    nodes_to_exclude: Optional[Sequence[str]] = None,
    use_external_data_format: bool = False,
    calibrate_method: Any = CalibrationMethod.MinMax,
    calibration_providers: Optional[Sequence[str]] = None,
    extra_options: Optional[dict[str, Any]] = None,
    calibration_cache_path: Optional[Union[str, PathLike[str]]] = None,
    *,
    progress: Union[bool, Progress] = False,
) -> Quantized:
    """Writes the eight-bit form of ``model_input`` (a path, bytes, or a ``ModelProto``) to ``model_output``.

    Activations become uint8, which has the steps of an asymmetric int8, and weights int8; ``reduce_range`` keeps the sums of
    neighbouring weights within 16 bits. ``extra_options`` may have ``CalibPercentile``, and ``Effort``, 0 to 3: how much is tried for
    accuracy. Unlike onnxruntime's function it returns the model with a report.
    """
    if calibration_data_reader is None:
        raise ArgumentError("calibration_data_reader: a reader of examples is needed")
    if _name(quant_format) != "QDQ":
        raise UnsupportedError("quant_format: only QuantFormat.QDQ is written")
    if _name(activation_type) not in ("QInt8", "QUInt8"):
        raise UnsupportedError(f"activation_type: {_name(activation_type)} cannot be had: activations have eight bits")
    if _name(weight_type) != "QInt8":
        raise UnsupportedError(f"weight_type: {_name(weight_type)} cannot be had: weights are int8")
    if use_external_data_format:
        raise UnsupportedError("use_external_data_format: the weights are written into the file")
    if calibration_cache_path is not None:
        raise UnsupportedError("calibration_cache_path: use the option resume of eightbit.quantize")
    ranges = _RANGES.get(_name(calibrate_method))
    if ranges is None:
        raise UnsupportedError(f"calibrate_method: {_name(calibrate_method)} cannot be had")
    extra = _extra(extra_options or {})
    model = model_input.SerializeToString() if hasattr(model_input, "SerializeToString") else model_input
    keep_float = set(nodes_to_exclude or ())
    if op_types_to_quantize or nodes_to_quantize:
        for node in supported(model):
            if op_types_to_quantize and node.op not in op_types_to_quantize:
                keep_float.add(node.name)
            if nodes_to_quantize and node.name not in nodes_to_quantize:
                keep_float.add(node.name)
    return quantize(
        model,
        model_output,
        calibration_data_reader,
        ranges=ranges,
        per_tensor=not per_channel,
        pair_safe_weights=reduce_range,
        keep_float=sorted(keep_float),
        progress=progress,
        **extra,
    )
