"""The programs that take turns, and how each is started."""

import dataclasses
import os
import pathlib
import sys


@dataclasses.dataclass(frozen=True)
class Programs:
    """Where the programs are; None for what could not be installed."""

    eightbit: pathlib.Path
    onednn: pathlib.Path | None = None
    rust: pathlib.Path | None = None


@dataclasses.dataclass(frozen=True)
class Participant:
    """A program that answers shapes, and the name that its answers get; an answer's own name if that is empty."""

    label: str
    command: list[str]
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    # Threads run on the cores from the first one on.
    threads: int = 1
    renamed: bool = False
    # What follows the shape's line when it is asked.
    suffix: str = ""


# Peers in the order of the tables, and the modules of those that Python drives.
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
}
CLOCKS = {"wall": "wall clock", "cpu": "CPU time"}
CRATES = ["rten-gemm", "tract-linalg", "gemmkit"]
# The driver's module, and the module that must be there for it to run.
PYTHON = {
    "onnxruntime": ("ort", "onnxruntime"),
    "openvino": ("ov", "openvino"),
    "fbgemm": ("fbgemm", "torch"),
    "litert": ("litert", "ai_edge_litert"),
}
# Their packages.
PACKAGES = {"onnxruntime": "onnxruntime", "openvino": "openvino", "fbgemm": "torch", "litert": "ai-edge-litert"}
# What keeps libraries on one thread.
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
    """By the wall clock, where another process on one core holds up both threads; and by CPU time, where it does not, but a thread
    that waits for the other does not show either."""
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


def environment(participant, milliseconds):
    root = str(pathlib.Path(__file__).parent.parent)
    return {**os.environ, **ONE_THREAD, "BENCH_MS": str(milliseconds), "PYTHONPATH": root, **participant.environment}
