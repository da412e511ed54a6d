"""Shared code of the Python drivers: shapes from standard input, rates to standard output.

A driver is a program, `python -m comparison.drivers.NAME gemm|conv`, for one library. Lines of standard input are shapes; each is
answered at once, with one line for each case and an empty line. A repeated shape is measured again without new
preparation. The columns of a line:

    peer,op,shape,types,prepacked,median,max,min,samples,note      (Gop/s, 2 operations per product)

Thread-CPU time, samples of at least 0.3 ms, medians. BENCH_MS: time spent on a case.
"""

import dataclasses
import os
import sys
import time
import traceback
from collections.abc import Callable

SAMPLE = 3e-4
BUDGET = 1e-3 * float(os.environ.get("BENCH_MS", "60"))


@dataclasses.dataclass
class Gemm:
    name: str
    m: int
    k: int
    n: int

    @property
    def operations(self):
        return 2 * self.m * self.k * self.n


@dataclasses.dataclass
class Conv:
    """NHWC, square, batch 1."""

    name: str
    side: int
    inputs: int
    outputs: int
    kernel: int
    stride: int
    padding: int
    groups: int

    @property
    def out_side(self):
        return (self.side + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def operations(self):
        return 2 * self.out_side**2 * self.outputs * self.kernel**2 * (self.inputs // self.groups)


@dataclasses.dataclass
class Case:
    """A call, ready to be measured; it does the shape's operations `copies` times."""

    types: str
    call: Callable[[], object]
    note: str = ""
    copies: int = 1
    # Distinguishes two measurements of one driver.
    peer: str | None = None


def copies(shape):
    """Repetitions per call: small products are repeated to hide the cost of a call from Python (some microseconds)."""
    return 1 if shape.operations > 4e6 else 32


def rates(operations, call):
    """Sorted samples in Gop/s."""
    clock = time.thread_time

    def timed(calls):
        start = clock()
        for _ in range(calls):
            call()
        return clock() - start

    timed(2)
    calls = 1
    while (taken := timed(calls)) <= SAMPLE:
        calls = calls * 8 if taken < SAMPLE / 10 else int(1.2 * SAMPLE / taken * calls) + 1
    start = clock()
    while clock() - start < 0.3 * BUDGET:
        call()
    samples = []
    start = clock()
    while len(samples) < 5 or (clock() - start < BUDGET and len(samples) < 60):
        samples.append(operations * calls / timed(calls) * 1e-9)
    return sorted(samples)


def shape_of(op, line):
    name, *numbers = line.split()
    kind, count = {"gemm": (Gemm, 3), "conv": (Conv, 7)}[op]
    return kind(name, *map(int, numbers[:count]))


def serve(peer, prepare):
    """Answers standard input; `prepare` makes the cases of a shape."""
    op = sys.argv[1]
    operator = {"gemm": "matmul", "conv": "conv"}[op]
    last, shape, cases = None, None, []
    for line in map(str.rstrip, sys.stdin):
        if line != last:
            last, shape, cases = line, shape_of(op, line), []
            try:
                cases = list(prepare(shape))
            except Exception:
                # A shape that a library does not support does not end the run.
                print(f"{peer}: {shape.name}: {traceback.format_exc(limit=-3)}", file=sys.stderr, flush=True)
        for case in cases:
            samples = rates(shape.operations * case.copies, case.call)
            figures = f"{samples[len(samples) // 2]:.3f},{samples[-1]:.3f},{samples[0]:.3f},{len(samples)}"
            print(f"{case.peer or peer},{operator},{shape.name},{case.types},yes,{figures},{case.note}")
        print(flush=True)
