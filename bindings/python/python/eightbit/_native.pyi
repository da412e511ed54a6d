from os import PathLike
from typing import Any, Callable, Optional, Sequence, Union, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Conv2d",
    "Linear",
    "PackedWeights",
    "Session",
    "ValueInfo",
    "backend",
    "backends",
    "imagenet_labels",
    "load_image",
    "matmul",
    "photo_files",
    "photo_tensor",
    "probabilities",
    "quantize",
    "supported",
    "top_k",
]

_Path = Union[str, PathLike[str]]
_Int32s = Union[int, Sequence[int], NDArray[np.integer[Any]]]
_Floats = Union[float, Sequence[float], NDArray[np.floating[Any]]]
_Bytes = Any
"""uint8 or int8: an array, or what has ``__array_interface__``, ``__array__`` or ``__dlpack__``."""

def backend() -> str:
    """The name of the backend that computes where none is given."""

def backends() -> list[str]:
    """The names of the backends that this CPU can run."""

@final
class ValueInfo:
    """A named input or output."""

    def __new__(cls, name: str, dtype: str = "float32", shape: Sequence[Optional[int]] = ...) -> ValueInfo: ...
    @property
    def name(self) -> str: ...
    @property
    def dtype(self) -> str:
        """NumPy's name of the elements' type."""
    @property
    def shape(self) -> list[Optional[int]]:
        """The sizes; ``None`` where any will do."""

@final
class Session:
    """A model that is ready to run: an ONNX file or a frozen graph of TensorFlow, float or eight-bit, or the bytes of one.

    Any threads can run it at the same time, without waiting for each other. ``threads`` is the number that compute one run, 0 for one of
    each core. Sessions can be pickled: the model goes along.
    """

    def __new__(
        cls, model: Union[_Path, bytes], *, threads: int = 1, backend: Optional[str] = None
    ) -> Session: ...
    @property
    def inputs(self) -> list[ValueInfo]: ...
    @property
    def outputs(self) -> list[ValueInfo]: ...
    @property
    def threads(self) -> int: ...
    @property
    def memory_bytes(self) -> int:
        """Bytes of the values between the nodes."""
    def run(self, feed: dict[str, Any]) -> list[NDArray[Any]]:
        """The outputs for arrays by the names of the inputs.

        Arrays that are contiguous and aligned are read where they are, and outputs are not copied.
        """
    def run_into(self, feed: dict[str, Any], outputs: Sequence[NDArray[Any]]) -> None:
        """As ``run``, into arrays that exist, one for each output."""
    def explain(self) -> str:
        """The steps of the plan that ran last, one on each line."""
    def profile(self, feed: dict[str, Any], runs: int = 10) -> list[dict[str, Any]]:
        """The median milliseconds of each step: dicts with ``name``, ``op``, ``kernel``, ``macs`` and ``milliseconds``."""

@final
class PackedWeights:
    """Weights in the order in which the kernels of a backend read them, made once, for products with ``[..., k]``.

    ``weights`` is ``[k, n]``. They can be saved and loaded; a header tells format, layout, shape and checksum.
    """

    def __new__(
        cls, weights: _Bytes, *, zero_point: Optional[_Int32s] = None, backend: Optional[str] = None
    ) -> PackedWeights: ...
    @staticmethod
    def load(path: _Path, *, backend: Optional[str] = None) -> PackedWeights: ...
    @staticmethod
    def from_bytes(data: bytes, *, backend: Optional[str] = None) -> PackedWeights: ...
    def to_bytes(self) -> bytes: ...
    def save(self, path: _Path) -> None: ...
    @property
    def depth(self) -> int: ...
    @property
    def columns(self) -> int: ...
    @property
    def dtype(self) -> str: ...
    @property
    def backend(self) -> str: ...
    @property
    def layout(self) -> str: ...

def matmul(
    a: _Bytes,
    b: Union[_Bytes, PackedWeights],
    *,
    a_zero: int = 0,
    b_zero: Optional[_Int32s] = None,
    threads: int = 1,
    backend: Optional[str] = None,
) -> NDArray[np.int32]:
    """The exact product of ``a [..., k]`` and ``b [k, n]``, uint8 or int8 each, less their zero points, modulo 2**32.

    ``b_zero`` is one number, or one for each column.
    """

@final
class Linear:
    """A fully connected layer from float32 ``[..., k]`` to float32 ``[..., n]``, computed in eight bits.

    Each row of activations is quantized over its own range, or symmetrically around 0. ``weights`` is int8 or uint8 ``[k, n]`` or packed,
    ``scale`` one number or one for each column, ``bias`` one for each column.
    """

    def __new__(
        cls,
        weights: Union[_Bytes, PackedWeights],
        scale: _Floats,
        *,
        bias: Optional[Union[Sequence[float], NDArray[np.floating[Any]]]] = None,
        zero_point: Optional[_Int32s] = None,
        symmetric: bool = False,
        threads: int = 1,
        backend: Optional[str] = None,
    ) -> Linear: ...
    @staticmethod
    def from_float(
        weights: ArrayLike,
        *,
        bias: Optional[Union[Sequence[float], NDArray[np.floating[Any]]]] = None,
        symmetric: bool = False,
        threads: int = 1,
        backend: Optional[str] = None,
    ) -> Linear:
        """The layer of float32 weights ``[k, n]``, which become int8, with a scale for each column."""
    @property
    def in_features(self) -> int: ...
    @property
    def out_features(self) -> int: ...
    def explain(self, rows: int = 1) -> str:
        """Which kernels compute this number of rows, and why."""
    def __call__(self, x: ArrayLike) -> NDArray[np.float32]: ...

@final
class Conv2d:
    """A convolution of bytes: images ``[batch, height, width, in_channels]``, weights
    ``[out_channels, kernel_height, kernel_width, in_channels / groups]``; or those of another layer, packed, with this ``shape``.

    ``output`` is ``int32`` for the exact sums; ``uint8`` or ``int8`` for ``round(sum * scale) + output_zero``, clamped; ``float32`` for
    ``sum * scale``. ``scale`` is one number or one for each output channel, ``bias`` int32 for each. ``pad`` is one number, two (vertical,
    horizontal) or four (top, left, bottom, right); outside an image is ``input_zero``.
    """

    def __new__(
        cls,
        weights: Union[_Bytes, PackedWeights],
        *,
        stride: Union[int, tuple[int, int]] = ...,
        pad: Union[int, tuple[int, int], tuple[int, int, int, int]] = ...,
        dilation: Union[int, tuple[int, int]] = ...,
        groups: int = 1,
        input: str = "uint8",
        input_zero: int = 0,
        weight_zero: Optional[_Int32s] = None,
        bias: Optional[Union[Sequence[int], NDArray[np.integer[Any]]]] = None,
        output: str = "int32",
        scale: Optional[_Floats] = None,
        output_zero: int = 0,
        clamp: Optional[tuple[float, float]] = None,
        shape: Optional[tuple[int, int, int, int]] = None,
        threads: int = 1,
        backend: Optional[str] = None,
    ) -> Conv2d: ...
    @property
    def weights(self) -> PackedWeights: ...
    def explain(self, height: int, width: int, batch: int = 1) -> str:
        """Which kernels compute images of this size, and why."""
    def __call__(self, x: _Bytes) -> NDArray[Any]: ...

def load_image(
    file: Union[_Path, bytes], *, lenient: bool = False, ignore_orientation: bool = False
) -> NDArray[np.uint8]:
    """The pixels of a PNG or JPEG file as displayed, ``[height, width, 3]``.

    ``lenient`` takes a damaged JPEG photo as far as it goes.
    """

def imagenet_labels(classes: int = 1000) -> list[str]:
    """The names of the ImageNet classes; of 1001 classes the first one is the background."""

def probabilities(values: ArrayLike) -> NDArray[np.float32]:
    """The softmax of the scores of one photo; what are probabilities already stays."""

def photo_files(paths: Sequence[_Path]) -> list[str]: ...
def photo_tensor(image: Any, input: ValueInfo, options: dict[str, Any]) -> NDArray[np.float32]: ...
def top_k(values: ArrayLike, count: int = 5) -> list[tuple[int, float]]: ...
def quantize(
    model: Union[_Path, bytes],
    examples: Optional[Any],
    photos: Optional[Sequence[_Path]],
    options: dict[str, Any],
    photo_options: dict[str, Any],
    progress: Optional[Callable[[str, int, int], None]],
) -> tuple[bytes, dict[str, Any]]: ...
def supported(model: Union[_Path, bytes], *, backend: Optional[str] = None) -> list[dict[str, Any]]: ...
