"""The names of onnxruntime, computed by this package: ``import eightbit.onnxruntime as ort``.

What a program of onnxruntime asks for, and this package lacks, is an ``UnsupportedError`` that says so; settings that only concern how
onnxruntime works (its memory arenas, its log) are taken and have no effect.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from enum import IntEnum
from os import PathLike
from typing import Any, Optional, Sequence, Union

from . import Session, __version__
from .errors import ArgumentError, UnsupportedError

__all__ = [
    "ExecutionMode",
    "GraphOptimizationLevel",
    "InferenceSession",
    "NodeArg",
    "RunOptions",
    "SessionOptions",
    "__version__",
    "get_all_providers",
    "get_available_providers",
    "get_device",
]

_PROVIDER = "CPUExecutionProvider"


class GraphOptimizationLevel(IntEnum):
    """Has no effect: a graph is always optimized, and its results do not depend on it."""

    ORT_DISABLE_ALL = 0
    ORT_ENABLE_BASIC = 1
    ORT_ENABLE_EXTENDED = 2
    ORT_ENABLE_LAYOUT = 3
    ORT_ENABLE_ALL = 99


class ExecutionMode(IntEnum):
    """Has no effect: nodes are computed one after the other, each by all threads."""

    ORT_SEQUENTIAL = 0
    ORT_PARALLEL = 1


class RunOptions:
    """Options of one run. They have no effect, except that ``terminate`` refuses it."""

    def __init__(self) -> None:
        self.log_severity_level = 2
        self.log_verbosity_level = 0
        self.logid = ""
        self.terminate = False


class SessionOptions:
    """Options of a session. ``intra_op_num_threads`` is the number of threads; 0 is one for each core."""

    def __init__(self) -> None:
        self.intra_op_num_threads = 0
        self.inter_op_num_threads = 0
        self.enable_cpu_mem_arena = True
        self.enable_mem_pattern = True
        self.enable_mem_reuse = True
        self.enable_profiling = False
        self.execution_mode = ExecutionMode.ORT_SEQUENTIAL
        self.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_ALL
        self.log_severity_level = 2
        self.log_verbosity_level = 0
        self.logid = ""
        self.optimized_model_filepath = ""
        self.use_deterministic_compute = True
        self._entries: dict[str, str] = {}

    def add_session_config_entry(self, key: str, value: str) -> None:
        """Keeps an entry, which has no effect."""
        self._entries[key] = value

    def get_session_config_entry(self, key: str) -> str:
        """An entry that was added."""
        return self._entries[key]

    def register_custom_ops_library(self, path: str) -> None:
        """Is not supported."""
        raise UnsupportedError(f"custom operators of {path!r}: this package cannot call them")

    def add_free_dimension_override_by_name(self, name: str, size: int) -> None:
        """Is not supported, and not needed: a session takes arrays of any size where the model leaves it open."""
        raise UnsupportedError(f"dimension {name!r}: leave it open; the first run on an array of size {size} makes a plan for it")

    def _check(self) -> None:
        if self.enable_profiling:
            raise UnsupportedError("enable_profiling: use the method profile of eightbit.Session")
        if self.optimized_model_filepath:
            raise UnsupportedError("optimized_model_filepath: there is no file of an optimized model")


@dataclass(frozen=True)
class NodeArg:
    """An input or output. Open dimensions of ``shape`` are ``None``."""

    name: str
    type: str
    shape: list[Optional[int]]


_TYPES = {"float32": "float", "float64": "double"}


class InferenceSession:
    """A session with the methods of onnxruntime's."""

    def __init__(
        self,
        path_or_bytes: Union[str, PathLike[str], bytes],
        sess_options: Optional[SessionOptions] = None,
        providers: Optional[Sequence[Any]] = None,
        provider_options: Optional[Sequence[Any]] = None,
        **kwargs: Any,
    ) -> None:
        options = sess_options if sess_options is not None else SessionOptions()
        if not hasattr(options, "intra_op_num_threads"):
            raise ArgumentError("sess_options must be SessionOptions")
        if isinstance(options, SessionOptions):
            options._check()
        unknown = set(kwargs) - {"disabled_optimizers", "enable_fallback"}
        if unknown:
            raise ArgumentError(f"unknown arguments: {', '.join(sorted(unknown))}")
        names = [provider[0] if isinstance(provider, tuple) else provider for provider in providers or []]
        others = [name for name in names if name != _PROVIDER]
        if others:
            warnings.warn(f"providers {others} are not available: {_PROVIDER} computes", stacklevel=2)
        self._options = options
        self._session = Session(path_or_bytes, threads=options.intra_op_num_threads)

    def get_inputs(self) -> list[NodeArg]:
        """The inputs."""
        return [_node_arg(info) for info in self._session.inputs]

    def get_outputs(self) -> list[NodeArg]:
        """The outputs."""
        return [_node_arg(info) for info in self._session.outputs]

    def get_providers(self) -> list[str]:
        """The providers that compute."""
        return [_PROVIDER]

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        """The options of the providers: none."""
        return {_PROVIDER: {}}

    def get_session_options(self) -> SessionOptions:
        """The options that the session was made with."""
        return self._options

    def run(
        self,
        output_names: Optional[Sequence[str]],
        input_feed: dict[str, Any],
        run_options: Optional[RunOptions] = None,
    ) -> list[Any]:
        """The outputs of these names, or all of them."""
        if run_options is not None and getattr(run_options, "terminate", False):
            raise ArgumentError("run_options: terminate is set")
        if not output_names:
            return self._session.run(input_feed)
        places = {info.name: at for at, info in enumerate(self._session.outputs)}
        missing = [name for name in output_names if name not in places]
        if missing:
            raise ArgumentError(f"there is no output {missing[0]!r}: the model has {', '.join(map(repr, places))}")
        outputs = self._session.run(input_feed)
        return [outputs[places[name]] for name in output_names]


def _node_arg(info: Any) -> NodeArg:
    return NodeArg(info.name, f"tensor({_TYPES.get(info.dtype, info.dtype)})", info.shape)


def get_available_providers() -> list[str]:
    """The providers that compute here."""
    return [_PROVIDER]


def get_all_providers() -> list[str]:
    """The providers that there are."""
    return [_PROVIDER]


def get_device() -> str:
    """``CPU``."""
    return "CPU"
