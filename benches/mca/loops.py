#!/usr/bin/env python3
"""Finds the inner loops of GEMM tiles and of depthwise convolution on line buffers in the assembly of the kernels, and counts
their cycles with llvm-mca.

The limit of a loop is the time that its dot products take on the ports that execute them, by the model of the core: a probe
of independent dot products alone measures it. The fraction is the part of the limit that the loop reaches with the core's
dispatch width, "LLVM's width" the same with that of LLVM's scheduler. "vector", "loads" and "dispatch" are the utilization
of the busiest port of a kind and of the front end. A tile that is computed in parts has a row for each. "depthwise 20×64" is
20 pairs of an output and a column of taps, by 64 channels; there is a row for each size that the kernel knows, and one for
the others.
"""

import argparse
import csv
import json
import re
import subprocess
import sys
from dataclasses import dataclass

from cores import CORES, Core

COMMENT = {"aarch64": "//", "x86_64": "#"}
BRANCH = {"aarch64": r"(?:b|b\.\w+|cbn?z|tbn?z)\s.*?(\.L\w+)$", "x86_64": r"j\w+\s+(\.L\w+)$"}
# `rbp` is not a frame pointer here: where one is set up, the stack is aligned too, and locals are found by `rsp`.
STACK = {"aarch64": r"\[sp\b", "x86_64": r"\(%rsp\b"}
# The load ports, by LLVM's names.
LOADS = r"Unit(L\d*|T)$|Port(02|2|23|02_03|02_03_11|03|3|11)$"
VECTORS = r"Unit(V\d*|W|X)$|Port(00|0|01|1|05|5)$"
ITERATIONS = 200


@dataclass(frozen=True)
class Backend:
    """A backend, as the registry describes it."""

    name: str
    # The instructions that multiply bytes, and the bits of their vectors.
    products: tuple[str, ...]
    bits: int
    # Channels of a block of depthwise convolution on line buffers; 0 if there is none.
    channels: int

    @property
    def pattern(self) -> str:
        """A pattern of the dot products. Arm's long multiplications have a second form, for the upper half of a vector."""
        return "|".join(rf"{product}2?" for product in self.products)

    @property
    def columns(self) -> int:
        """Columns of a vector of accumulators."""
        return self.bits // 32

    @property
    def vectors(self) -> int:
        """The index of the vectors in a tile's constants: after the rows, in matrix-product tiles also after their pairs."""
        return 2 if any("mmla" in product for product in self.products) else 1

    def keys(self) -> list[str]:
        """The products by the names that cores have for them."""
        registers = {256: " ymm", 512: " zmm"}.get(self.bits, "")
        return [product + registers for product in self.products]

    def probe(self) -> list[str]:
        """Independent products that fill all registers beside their operands."""
        product = self.products[0]
        if self.bits == 512:
            return [f"{product} %zmm30, %zmm31, %zmm{i}" for i in range(24)]
        if self.bits == 256:
            return [f"{{vex}} {product} %ymm14, %ymm15, %ymm{i}" for i in range(12)]
        if product == "smull":
            return [f"smull v{i}.8h, v30.8b, v31.8b" for i in range(24)]
        operand = "v31.4b[1]" if product == "sdot" else "v31.16b"
        return [f"{product} v{i}.4s, v30.16b, {operand}" for i in range(24)]


def read_registry(path: str) -> dict[str, Backend]:
    """The backends with multiplying instructions of their own, by name; one line of JSON each."""
    backends = (json.loads(line) for line in open(path))
    return {
        backend["name"]: Backend(
            backend["name"], tuple(backend["products"]), backend["bits"], backend["depthwise_channels"]
        )
        for backend in backends
        if backend["products"]
    }


@dataclass
class Loop:
    backend: Backend
    operator: str
    rows: int
    columns: int
    signed: bool
    body: list[str]

    @property
    def dots(self) -> int:
        return count_dots(self.body, self.backend)

    def spills(self, architecture: str) -> int:
        return sum(bool(re.search(STACK[architecture], line)) for line in self.body)


def functions(path: str, architecture: str, llvm: str):
    """The functions' demangled names and lines of code."""
    text = open(path).read()
    found = re.findall(r"^(_R\w+):\n(.*?)^\.Lfunc_end", text, re.M | re.S)
    names = subprocess.run(
        [f"llvm-cxxfilt-{llvm}"], input="\n".join(name for name, _ in found), capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name, (_, code) in zip(names, found):
        lines = [re.sub(r"\s+", " ", line.split(COMMENT[architecture])[0]).strip() for line in code.splitlines()]
        yield name, [line for line in lines if line and not re.match(r"\.(?!L\w+:)", line)]


def inner_loops(code: list[str], architecture: str) -> list[list[str]]:
    """The innermost loops."""
    labels = {line[:-1]: i for i, line in enumerate(code) if line.endswith(":")}
    loops = []
    for end, line in enumerate(code):
        branch = re.match(BRANCH[architecture], line)
        start = labels.get(branch[1]) if branch else None
        if start is not None and start < end:
            loops.append((start, end))
    inner = [(a, b) for a, b in loops if not any((a, b) != (c, d) and a <= c and d <= b for c, d in loops)]
    return [[line for line in code[a : b + 1] if not line.endswith(":")] for a, b in inner]


def count_dots(body: list[str], backend: Backend) -> int:
    """How many of the instructions are dot products."""
    return sum(bool(re.match(rf"(\{{\w+\}} )?({backend.pattern})\b", line)) for line in body)


def inner_loop(code: list[str], architecture: str, backend: Backend) -> list[str]:
    """The innermost loop with the largest share of dot products.

    The others loop over k-segments shorter than an iteration. Among several that do equal work, as in a tile that is
    computed in parts, the longest one.
    """
    bodies = inner_loops(code, architecture)

    def dots(body: list[str]) -> int:
        return count_dots(body, backend)

    best = max(bodies, key=lambda body: dots(body) / len(body), default=[])
    alike = [body for body in bodies if dots(body) == dots(best) and len(body) < 1.3 * len(best)]
    return max(alike, key=len, default=[])


def depthwise_loops(code: list[str], architecture: str, backend: Backend) -> list[Loop]:
    """The inner loops of a depthwise convolution: one for each size that the kernel knows, and one for the others."""
    counted = [(count_dots(body, backend), body) for body in inner_loops(code, architecture)]
    return [Loop(backend, "depthwise ", dots // 4, backend.channels, False, body) for dots, body in counted if dots]


def all_loops(path: str, architecture: str, llvm: str, backends: dict[str, Backend]) -> list[Loop]:
    """The inner loop of every tile, and those of depthwise convolution."""
    found = []
    for name, code in functions(path, architecture, llvm):
        match = re.match(r"eightbit_kernels::backend::(\w+)::depthwise::multiply$", name)
        if match and match[1] in backends:
            found += depthwise_loops(code, architecture, backends[match[1]])
        match = re.match(r"eightbit_kernels::backend::(\w+)(?:::gemm)?::(?:tile|one)::<(\d[\w, ]*)>$", name)
        if not match or match[1] not in backends:
            continue
        backend, constants = backends[match[1]], match[2].split(", ")
        rows, columns = int(constants[0]), int(constants[backend.vectors]) * backend.columns
        signed = constants[-1] in ("true", "0")
        # A function without a loop calls another that has one.
        loop = Loop(backend, "", rows, columns, signed, inner_loop(code, architecture, backend))
        if loop.dots:
            found.append(loop)
    if not found:
        sys.exit(f"error: no loop with dot products in {path}")
    return sorted(found, key=lambda loop: (loop.operator, loop.backend.name, loop.signed, loop.columns, loop.rows))


def analyse(architecture: str, core: str, bodies: list[list[str]], llvm: str, dispatch: int | None) -> list[dict]:
    """The cycles, resource pressure and µops of one iteration of each loop, by llvm-mca."""
    comment = COMMENT[architecture]
    source = "".join(
        f"{comment} LLVM-MCA-BEGIN {i}\n" + "\n".join(body) + f"\n{comment} LLVM-MCA-END\n" for i, body in enumerate(bodies)
    )
    command = [f"llvm-mca-{llvm}", "-json", f"-mtriple={architecture}-unknown-linux-gnu", f"-mcpu={core}"]
    if architecture == "aarch64":
        command.append("-mattr=+dotprod,+i8mm")
    if dispatch:
        command.append(f"-dispatch={dispatch}")

    def run(iterations: int) -> dict:
        done = subprocess.run(
            [*command, f"-iterations={iterations}"], input=source, capture_output=True, text=True
        )
        if done.returncode:
            sys.exit(f"error: llvm-mca failed for {core}:\n{done.stderr}")
        return json.loads(done.stdout)

    # The difference of two runs excludes the start and the end.
    short, long = run(ITERATIONS), run(3 * ITERATIONS)
    names = [re.sub(r"\.[^\w]$", "", name) for name in long["TargetInfo"]["Resources"]]
    results = []
    for i, (few, many) in enumerate(zip(short["CodeRegions"], long["CodeRegions"])):
        cycles = many["SummaryView"]["TotalCycles"] - few["SummaryView"]["TotalCycles"]
        count = len(bodies[i])
        pressure = [
            (names[use["ResourceIndex"]], use["ResourceUsage"])
            for use in many["ResourcePressureView"]["ResourcePressureInfo"]
            if use["InstructionIndex"] == count
        ]
        summary = many["SummaryView"]
        results.append({
            "cycles": cycles / (2 * ITERATIONS),
            "uops": summary["TotaluOps"] / summary["Iterations"],
            "width": summary["DispatchWidth"],
            "pressure": pressure,
        })
    return results


def busiest(result: dict, pattern: str) -> float:
    """The utilization of the busiest of some ports."""
    uses = [use for name, use in result["pressure"] if re.search(pattern, name)]
    return max(uses, default=0.0) / result["cycles"]


def bound(vector: float, loads: float, dispatch: float, other: float) -> str:
    """The bottleneck of a loop."""
    parts = {"vector ports": vector, "load ports": loads, "dispatch": dispatch, "other ports": other}
    name = max(parts, key=lambda part: parts[part])
    return name if parts[name] > 0.96 else "latency"


def rows_of(architecture: str, core: Core, loops: list[Loop], llvm: str):
    """The table's rows for a core."""
    loops = [loop for loop in loops if all(key in core.products for key in loop.backend.keys())]
    probes = {}
    for backend in {loop.backend for loop in loops}:
        body = backend.probe()
        probe = analyse(architecture, core.name, [body], llvm, core.dispatch)
        probes[backend] = round(len(body) / probe[0]["cycles"], 1)
    bodies = [loop.body for loop in loops]
    widest = analyse(architecture, core.name, bodies, llvm, core.dispatch)
    modelled = analyse(architecture, core.name, bodies, llvm, None)
    for loop, result, narrow in zip(loops, widest, modelled):
        rate = probes[loop.backend]
        limit = loop.dots / rate
        vector, loads = busiest(result, VECTORS), busiest(result, LOADS)
        other = busiest(result, rf"^(?!.*(?:{LOADS}|{VECTORS}))")
        dispatch = result["uops"] / result["width"] / result["cycles"]
        yield {
            "backend": loop.backend.name,
            "tile": f"{loop.operator}{loop.rows}×{loop.columns}",
            "activations": "i8" if loop.signed else "u8",
            "core": core.name,
            "dots": loop.dots,
            "per cycle: maker": core.products[loop.backend.keys()[0]],
            "model": rate,
            "limit": f"{limit:.1f}",
            "cycles": f"{result['cycles']:.1f}",
            "fraction": f"{limit / result['cycles']:.3f}",
            "LLVM's width": f"{limit / narrow['cycles']:.3f}",
            "vector": f"{vector:.2f}",
            "loads": f"{loads:.2f}",
            "dispatch": f"{dispatch:.2f}",
            "bound by": bound(vector, loads, dispatch, other),
            "spills": loop.spills(architecture),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("architecture", choices=CORES)
    parser.add_argument("assembly")
    parser.add_argument("--registry", required=True, help="what the kernels' example `registry` printed for the architecture")
    parser.add_argument("--llvm", required=True, help="version of LLVM's tools")
    parser.add_argument("--csv", required=True, help="where to write the table as CSV")
    arguments = parser.parse_args()
    loops = all_loops(arguments.assembly, arguments.architecture, arguments.llvm, read_registry(arguments.registry))
    rows = [
        row
        for core in CORES[arguments.architecture]
        for row in rows_of(arguments.architecture, core, loops, arguments.llvm)
    ]
    with open(arguments.csv, "w", newline="") as file:
        table = csv.DictWriter(file, fieldnames=list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    print(f"\n### {arguments.architecture}: one iteration of the inner loops, by llvm-mca {arguments.llvm}\n")
    print("| " + " | ".join(rows[0]) + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(str(value) for value in row.values()) + " |")


if __name__ == "__main__":
    main()
