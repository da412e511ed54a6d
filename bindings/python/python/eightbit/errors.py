"""The exceptions of this package.

Each has a class of Python's own as its second base, so that ``except ValueError`` keeps working. Files that cannot be read are Python's
``FileNotFoundError``, ``PermissionError`` and so on; too little memory is ``MemoryError``.
"""

from __future__ import annotations

__all__ = [
    "Error",
    "ArgumentError",
    "BackendError",
    "Cancelled",
    "DataTypeError",
    "LimitError",
    "ModelError",
    "PackedWeightsError",
    "PhotoError",
    "ShapeError",
    "UnsupportedError",
]


class Error(Exception):
    """Any error of this package."""


class ArgumentError(Error, ValueError):
    """An argument that cannot be right, whatever the model is."""


class ShapeError(Error, ValueError):
    """An array of another shape than is needed."""


class DataTypeError(Error, TypeError):
    """An array of another dtype than is needed."""


class ModelError(Error, ValueError):
    """Not a model, a damaged one, or one that contradicts itself."""


class UnsupportedError(ModelError, NotImplementedError):
    """A model that is right, and asks for what is not implemented."""


class LimitError(Error, ValueError):
    """A file or model that is larger than is allowed."""


class PackedWeightsError(Error, ValueError):
    """Saved weights that are damaged, or of another layout than the backend reads."""


class PhotoError(Error, ValueError):
    """Not a photo, or a damaged one."""


class BackendError(Error, RuntimeError):
    """A backend that does not exist, or that this CPU cannot run."""


class Cancelled(Error, RuntimeError):
    """A run that was ended early."""
