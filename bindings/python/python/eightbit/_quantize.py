"""From a float model to an eight-bit one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any, Optional, Sequence, Union

import numpy as np

from . import _native, _progress
from ._report import Report, of_dict
from ._vision import Channels, photo_options
from .errors import ArgumentError

if TYPE_CHECKING:
    from ._native import Session

__all__ = ["Quantized", "quantize"]

_Path = Union[str, PathLike[str]]


@dataclass(frozen=True)
class Quantized:
    """An eight-bit model, and the report on how it was made."""

    #: ONNX in QDQ form, which every ONNX runtime reads.
    model: bytes = field(repr=False)
    report: Report = field(repr=False)

    def save(self, path: _Path) -> None:
        """Writes the file ``path``. Until all of it is written, an older one stays."""
        _write(path, self.model)

    def session(self, *, threads: int = 1, backend: Optional[str] = None) -> Session:
        """A session of it."""
        return _native.Session(self.model, threads=threads, backend=backend)

    def __str__(self) -> str:
        return f"{'file':<18} {len(self.model):,} bytes\n{self.report}"

    def _repr_html_(self) -> str:
        return f"<p>{len(self.model):,} bytes</p>{self.report._repr_html_()}"


class _Slices:
    """The items of an array along its first dimension, each as a batch of one."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, index: int) -> Any:
        return self._array[index : index + 1]


def _examples(calibrate: Any) -> Any:
    """``calibrate`` as a sequence of examples."""
    if hasattr(calibrate, "get_next"):
        return list(iter(calibrate.get_next, None))
    if isinstance(calibrate, np.ndarray):
        return _Slices(calibrate)
    if isinstance(calibrate, dict):
        raise ArgumentError("calibrate: a dict is one example: give a list of them")
    if hasattr(calibrate, "__len__") and hasattr(calibrate, "__getitem__"):
        return calibrate
    if isinstance(calibrate, Iterable):
        return list(calibrate)
    raise ArgumentError("calibrate: paths of photos, or a sequence or an iterable of examples, is needed")


def _photos(calibrate: Any) -> Optional[list[str]]:
    """The photos that ``calibrate`` names, if it names any."""
    if isinstance(calibrate, (str, PathLike)):
        calibrate = [calibrate]
    is_paths = isinstance(calibrate, (list, tuple)) and calibrate
    if not is_paths or not all(isinstance(path, (str, PathLike)) for path in calibrate):
        return None
    photos = _native.photo_files([os.fspath(path) for path in calibrate])
    if not photos:
        raise ArgumentError("calibrate: there is no PNG or JPEG photo")
    return photos


def quantize(
    model: Union[_Path, bytes],
    out: Optional[_Path] = None,
    calibrate: Any = None,
    *,
    data_free: bool = False,
    ranges: str = "percentile",
    percentile: float = 99.99,
    effort: int = 1,
    pair_safe_weights: bool = False,
    per_tensor: bool = False,
    weights: str = "int8",
    activations: int = 8,
    size: Optional[int] = None,
    format: str = "qdq",
    measure_speed: bool = False,
    accuracy_drop: Optional[float] = None,
    classes: Optional[Sequence[int]] = None,
    keep_float: Sequence[str] = (),
    resume: Optional[_Path] = None,
    measured: int = 4,
    width: Optional[int] = None,
    height: Optional[int] = None,
    mean: Channels = 127.0,
    std: Channels = 128.0,
    resize: str = "stretch",
    layout: Optional[str] = None,
    lenient: bool = False,
    ignore_orientation: bool = False,
    progress: Union[bool, _progress.Progress] = False,
) -> Quantized:
    """The eight-bit form of the float model ``model``, with the same inputs and outputs, written to ``out`` if that is given.

    ``calibrate`` is what the model is observed on:

    * a path, or a list of paths, of photos or folders of them, for a model with one input; ``width`` to ``ignore_orientation`` say
      how they become that input, as in ``image_tensor``;
    * an array whose first dimension is that of the examples, for a model with one input;
    * a sequence of examples: arrays, or tuples of arrays in the order of the inputs, or dicts by their names. It is asked for an item
      whenever that is needed, several times, so that a class with ``__len__`` and ``__getitem__`` needs to keep none in memory;
    * any other iterable of such examples, or a ``CalibrationDataReader``, of which all are kept in memory.

    With ``data_free`` it is left out: the batch normalizations of the model say what is needed.

    ``ranges`` is ``percentile``, ``min_max``, ``mse`` or ``entropy``. ``effort`` is how much is tried for accuracy, 0 to 3.
    ``accuracy_drop`` is the most that a classifier may lose, in percentage points, on the examples, whose right answers are ``classes``
    or else those of the float model. ``weights`` is ``int2`` to ``int8``, ``ternary`` or ``bipolar``, in all layers, or, with ``size`` (the
    most bytes of the file) or ``accuracy_drop``, in those that cost least; ``activations`` is a number of bits, 2 to 8. ``format`` is
    ``qdq``, ``qcdq`` (all integers in bytes) or ``qonnx``. ``keep_float`` names nodes that stay float. ``resume`` is a file that keeps what is found on the
    way; it is removed in the end. The program ``eightbit quantize`` has the same options and gives the same file.

    ``progress`` is ``True`` for a bar, or a callable that is given the stage, what is done of it, and all of it. An exception that it
    raises, and Ctrl-C, end the quantization.
    """
    if data_free != (calibrate is None):
        wanted = "leave calibrate out with data_free" if data_free else "calibrate: photos or examples are needed, or data_free"
        raise ArgumentError(wanted)
    photos = None if calibrate is None else _photos(calibrate)
    examples = None if calibrate is None or photos is not None else _examples(calibrate)
    options = {
        "ranges": ranges,
        "percentile": percentile,
        "effort": effort,
        "pair_safe_weights": pair_safe_weights,
        "per_tensor": per_tensor,
        "weights": weights,
        "activations": activations,
        "size": size,
        "format": format,
        "measure_speed": measure_speed,
        "accuracy_drop": accuracy_drop,
        "classes": None if classes is None else [int(index) for index in classes],
        "keep_float": list(keep_float),
        "resume": resume,
        "measured": measured,
    }
    of_photos = photo_options(
        width=width,
        height=height,
        mean=mean,
        std=std,
        resize=resize,
        layout=layout,
        lenient=lenient,
        ignore_orientation=ignore_orientation,
    )
    callback, end = _progress.start(progress)
    try:
        data, found = _native.quantize(model, examples, photos, options, of_photos, callback)
    finally:
        end()
    quantized = Quantized(data, of_dict(found))
    if out is not None:
        quantized.save(out)
    if resume is not None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(resume)
    return quantized


def _write(path: _Path, data: bytes) -> None:
    import tempfile  # It takes longer to import than all else.

    # What a link names is written, and it stays a link.
    path = os.path.realpath(path)
    if os.path.exists(path) and not os.path.isfile(path):
        # A pipe or a device cannot be replaced.
        with open(path, "wb") as file:
            file.write(data)
        return
    handle, name = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".eightbit.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        if os.path.exists(path):
            mode = os.stat(path).st_mode & 0o7777
        else:
            # As open() would have made it.
            mask = os.umask(0)
            os.umask(mask)
            mode = 0o666 & ~mask
        os.chmod(name, mode)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
