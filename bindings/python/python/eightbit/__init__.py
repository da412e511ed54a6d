"""Exact eight-bit neural-network arithmetic.

>>> import eightbit
>>> eightbit.quantize("model.onnx", "model.int8.onnx", calibrate="photos/")
>>> session = eightbit.Session("model.int8.onnx")
>>> session.run({"input": image})

``eightbit.onnxruntime`` has the names of onnxruntime, ``eightbit.quantization`` those of ``onnxruntime.quantization``.
"""

from __future__ import annotations

from . import errors
from ._native import (
    Conv2d,
    Linear,
    PackedWeights,
    Session,
    ValueInfo,
    backend,
    backends,
    imagenet_labels,
    load_image,
    matmul,
    probabilities,
)
from ._quantize import Quantized, quantize
from ._report import NodeSupport, Report, report, supported
from ._vision import Answer, image_tensor, load_labels, top_k
from .errors import *  # noqa: F403

__version__ = "0.1.0"

__all__ = [
    "Answer",
    "Conv2d",
    "Linear",
    "NodeSupport",
    "PackedWeights",
    "Quantized",
    "Report",
    "Session",
    "ValueInfo",
    "backend",
    "backends",
    "errors",
    "image_tensor",
    "imagenet_labels",
    "load_image",
    "load_labels",
    "matmul",
    "probabilities",
    "quantize",
    "report",
    "supported",
    "top_k",
    *errors.__all__,
]


def _restore_session(model: bytes, threads: int, backend: str | None) -> Session:
    """A session that was pickled."""
    return Session(model, threads=threads, backend=backend)
