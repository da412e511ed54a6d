"""The compared programs, and how each is started."""

import dataclasses
import os
import pathlib
import sys


@dataclasses.dataclass(frozen=True)
class Programs:
    """The paths of the programs; None if one could not be installed."""

    eightbit: pathlib.Path
    onednn: pathlib.Path | None = None
    rust: pathlib.Path | None = None
    # Its own interpreter of Python.
    larq: pathlib.Path | None = None


@dataclasses.dataclass(frozen=True)
class Participant:
    """A program that answers shapes, and the name for its answers; if empty, the answers keep their own."""

    label: str
    command: list[str]
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    # The number of cores, from the first one on.
    threads: int = 1
    renamed: bool = False
    # Text that follows the shape's line in a request.
    suffix: str = ""


# Peers in the order of the tables, and the modules of the Python drivers.
TITLES = {
    "onednn": "oneDNN",
    "onednn-f32": "oneDNN float",
    "onnxruntime": "ONNX Runtime",
    "onnxruntime-f32": "ONNX Runtime float",
    "openvino": "OpenVINO",
    "fbgemm": "FBGEMM (torch)",
    "litert": "LiteRT",
    "rten-gemm": "rten-gemm",
    "tract-linalg": "tract-linalg",
    "gemmkit": "gemmkit",
    "candle-core": "candle (q8_0)",
    "larq": "Larq Compute Engine",
}
CLOCKS = {"wall": "wall clock", "cpu": "CPU time"}
# Crates with products of bytes, and with layers of floats.
CRATES = ["rten-gemm", "tract-linalg", "gemmkit"]
LAYERS = ["candle-core"]
# Products of signs.
SIGNS = ["larq"]
# The driver's module, and the module that it needs.
PYTHON = {
    "onnxruntime": ("ort", "onnxruntime"),
    "openvino": ("ov", "openvino"),
    "fbgemm": ("fbgemm", "torch"),
    "litert": ("litert", "ai_edge_litert"),
}
# Their packages.
PACKAGES = {"onnxruntime": "onnxruntime", "openvino": "openvino", "fbgemm": "torch", "litert": "ai-edge-litert"}
# Environment variables that keep libraries on one thread.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "RTEN_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def eightbit(programs, op, types=(), backend=None, label="eightbit", check=True, suffix=""):
    command = [str(programs.eightbit), "bench", op, "--csv", "--stdin"]
    if check:
        command.append("--check")
    if types:
        command.append(f"--types={','.join(types)}")
    if backend:
        command.append(f"--backend={backend}")
    return Participant(label, command, renamed=True, suffix=suffix)


def two_threads(programs, types, clock):
    """Wall-clock time includes delays by other processes, which hold up both threads; CPU time excludes them, but also the time
    when one thread waits for the other."""
    command = [*eightbit(programs, "gemm", types).command, "--threads=2", f"--clock={clock}"]
    return Participant(f"two threads, {CLOCKS[clock]}", command, threads=2, renamed=True)


def peak(programs, backend=None):
    return eightbit(programs, "peak", backend=backend, label="peak", check=False)


def onednn(programs, op, types, isa=None):
    environment = {"ONEDNN_MAX_CPU_ISA": isa} if isa else {}
    return Participant("onednn", [str(programs.onednn), op, *types], environment)


def python(name, op):
    module, _ = PYTHON[name]
    return Participant(name, [sys.executable, "-m", f"comparison.drivers.{module}", op])


def networks(name, suffix):
    return Participant(name, [sys.executable, "-m", "comparison.drivers.networks", name], suffix=suffix)


def rust(programs, name):
    return Participant(name, [str(programs.rust), name])


def larq(programs):
    return Participant("larq", [str(programs.larq), "-m", "comparison.drivers.larq", "conv"])


def linear(programs):
    return Participant("eightbit", [str(programs.rust), "eightbit-linear"], renamed=True)


def environment(participant, milliseconds):
    root = str(pathlib.Path(__file__).parent.parent)
    return {**os.environ, **ONE_THREAD, "BENCH_MS": str(milliseconds), "PYTHONPATH": root, **participant.environment}
