"""From a photo to a model's input, and from its output to answers."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, Optional, Sequence, Union

from . import _native
from ._native import ValueInfo
from .errors import ArgumentError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Answer", "image_tensor", "load_labels", "top_k"]

#: One number, or one for each of red, green and blue.
Channels = Union[float, Sequence[float]]


def photo_options(
    *,
    width: Optional[int] = None,
    height: Optional[int] = None,
    mean: Channels = 127.0,
    std: Channels = 128.0,
    resize: str = "stretch",
    layout: Optional[str] = None,
    lenient: bool = False,
    ignore_orientation: bool = False,
) -> dict[str, Any]:
    """What the library wants to know of photos."""
    return {
        "width": width,
        "height": height,
        "mean": _three("mean", mean),
        "std": _three("std", std),
        "resize": resize,
        "layout": layout.lower() if layout is not None else None,
        "lenient": lenient,
        "ignore_orientation": ignore_orientation,
    }


def _three(name: str, value: Channels) -> list[float]:
    numbers = [float(value)] * 3 if isinstance(value, (int, float)) else [float(number) for number in value]
    if len(numbers) != 3:
        raise ArgumentError(f"{name}: one number or three are needed, found {len(numbers)}")
    return numbers


def image_tensor(
    image: Union[str, PathLike[str], bytes, NDArray[np.uint8]],
    input: Optional[ValueInfo] = None,
    *,
    width: Optional[int] = None,
    height: Optional[int] = None,
    mean: Channels = 127.0,
    std: Channels = 128.0,
    resize: str = "stretch",
    layout: Optional[str] = None,
    lenient: bool = False,
    ignore_orientation: bool = False,
) -> NDArray[np.float32]:
    """A photo as the input of a model: ``(pixel - mean) / std`` after a resize as TensorFlow's ``label_image`` does it.

    ``image`` is a path, the bytes of a PNG or JPEG file, or uint8 ``[height, width, 3]``. ``input`` is that of the model,
    ``session.inputs[0]``; without it the result is ``[1, 3, height, width]``, 224 pixels high and wide unless sizes are given.
    ``resize`` is ``stretch``, ``crop`` or ``fit``; ``layout`` is ``nchw`` or ``nhwc``.
    """
    if input is None:
        open_shape = [1, None, None, 3] if layout is not None and layout.lower() == "nhwc" else [1, 3, None, None]
        input = ValueInfo("image", "float32", open_shape)
    options = photo_options(
        width=width,
        height=height,
        mean=mean,
        std=std,
        resize=resize,
        layout=layout,
        lenient=lenient,
        ignore_orientation=ignore_orientation,
    )
    return _native.photo_tensor(image, input, options)


@dataclass(frozen=True)
class Answer:
    """A class with its score."""

    index: int
    score: float
    name: str


def top_k(scores: Any, k: int = 5, labels: Optional[Sequence[str]] = None) -> list[Answer]:
    """The ``k`` greatest scores of one photo, greatest first; among equals the lowest class first."""
    name = (lambda index: labels[index] if index < len(labels) else f"class {index}") if labels else "class {}".format
    return [Answer(index, score, name(index)) for index, score in _native.top_k(scores, k)]


def load_labels(path: Union[str, PathLike[str]]) -> list[str]:
    """The names of classes in a file, one on each line, counted from 0."""
    with open(path, encoding="utf-8-sig") as file:
        return [line.strip() for line in file]
