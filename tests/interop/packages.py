"""ONNX files that people use, from packages of PyPI and npm: each is run by this project and by ONNX Runtime, and quantized.

For each file: whether the float outputs are those of ONNX Runtime within 1e-4 of their range, whether the file quantizes and its
eight-bit form runs, the milliseconds of a run on one thread, and what fails. Run by packages.sh, which fetches the packages;
nothing of them is committed.
"""

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime

# Shapes of inputs whose dimensions a file leaves open, by parts of its path: the first that fits.
SHAPES = [
    (r"silero.*sequence", {"input": [8, 576]}),
    (r"silero.*(legacy|/silero_vad/|dist|models)", {"input": [1, 512], "state": [2, 1, 128], "h": [2, 1, 64], "c": [2, 1, 64], "sr": []}),
    (r"silero", {"input": [1, 576], "state": [2, 1, 128], "sr": []}),
    (r"melspectrogram", {None: [1, 12400]}),
    (r"pnet", {None: [1, 48, 48, 3]}),
    (r"slanet", {None: [1, 3, 488, 488]}),
    (r"_det", {None: [1, 3, 416, 416]}),
    (r"common", {None: [1, 1, 64, 192]}),
    (r"rec", {None: [1, 3, 48, 320]}),
    (r"cls", {None: [1, 3, 48, 192]}),
    (r"det", {None: [1, 3, 320, 320]}),
    (r"320n", {None: [1, 3, 320, 320]}),
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
# How many runs are timed: the fastest counts.
RUNS = 5
# The greatest difference from ONNX Runtime, as a part of an output's range.
TOLERANCE = 1e-4


def shape_of(path, name, dims):
    """A shape for the input `name`: the file's own sizes, and for open ones those of the table."""
    known = next(shapes for pattern, shapes in SHAPES if re.search(pattern, path))
    table = known.get(name, known.get(None))
    if table is None or len(table) != len(dims):
        table = [1] * len(dims)
    return [dim if isinstance(dim, int) and dim > 0 else size for dim, size in zip(dims, table)]


def picture(shape, is_stamp):
    """Dark strokes along lines on white paper, or a red stamp with strokes along a ring: on noise alone, a detector of text answers
    0 everywhere, and differences that mean nothing are as large as its range."""
    height, width = shape[2:]
    y, x = np.mgrid[:height, :width]
    image = np.full(shape, 2.2, np.float32)
    if is_stamp:
        y, x = y / height - 0.5, x / width - 0.5
        radius, angle = np.hypot(x, y), np.arctan2(y, x)
        strokes = (np.abs(radius - 0.33) < 0.05) & (np.sin(angle * 40) * np.sin(radius * 320) > -0.3)
        dark = strokes | (np.abs(radius - 0.42) < 0.015)
    else:
        dark = (y // 14 % 3 == 0) & ((x // 3 * 7 + y // 5 * 3) % 5 < 3)
    image[:, :, dark] = -1.5
    image[:, 0, dark] = 1.5 if is_stamp else -1.5
    return image


def inputs_of(path, session):
    random = np.random.default_rng(1)
    feeds = {}
    for info in session.get_inputs():
        kind = TYPES[info.type]
        shape = shape_of(path, info.name, info.shape)
        if info.name in FIXED:
            feeds[info.name] = np.full(shape, FIXED[info.name], kind)
        elif re.search(r"det", path) and len(shape) == 4:
            feeds[info.name] = picture(shape, "seal" in path).astype(kind)
        elif np.issubdtype(kind, np.floating):
            feeds[info.name] = (random.standard_normal(shape) * 0.5).astype(kind)
        else:
            # Bytes of a file, or flags.
            feeds[info.name] = random.integers(0, 256 if info.name == "bytes" else 2, shape).astype(kind)
    return feeds


def run(binary, model, feeds, folder, fixed=()):
    """What `eightbit run` reports as JSON, or its error."""
    folder.mkdir(parents=True, exist_ok=True)
    arguments = []
    for index, (name, array) in enumerate(feeds.items()):
        file = folder / f"in{index}.npy"
        np.save(file, array.astype(np.float32) if array.dtype == np.float16 else array)
        arguments.append(f"{name}={file}")
    command = [binary, "run", str(model), "--output-dir", str(folder / "out"), "--repeat", str(RUNS), "--json"]
    command += ["--input", *arguments] if arguments else []
    command += [part for fix in fixed for part in ("--fix", fix)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    except subprocess.TimeoutExpired:
        return None, "took more than 600 s"
    if done.returncode:
        return None, done.stderr.strip()
    return json.loads(done.stdout), None


def milliseconds(session, feeds):
    """The time of ONNX Runtime's fastest run."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        session.run(None, feeds)
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def difference(session, wanted, report):
    """The greatest difference from `wanted` as a part of an output's range, or what does not fit."""
    worst = 0.0
    files = {output["name"]: output["file"] for output in report["outputs"]}
    for info, expected in zip(session.get_outputs(), wanted):
        found = np.load(files[info.name])
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
    """The cells of a file's row, the reason last: empty if all is well."""
    row = dict.fromkeys(("float", "eight", "ms", "eight_ms", "ort_ms"), "–")
    row["reason"] = examine(binary, file, name, work, row)
    return [name, *row.values()]


def examine(binary, file, name, work, row):
    """Fills the row, and returns what fails."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        feeds = inputs_of(name, session)
        wanted = session.run(None, feeds)
    except Exception as error:  # ONNX Runtime has no narrower type.
        return f"ONNX Runtime: {short(str(error))}"
    row["ort_ms"] = f"{milliseconds(session, feeds):.1f}"
    fixed = [f"{name}={FIXED[name]}" for name in feeds if name in FIXED]
    open_feeds = {name: array for name, array in feeds.items() if name not in FIXED}
    report, error = run(binary, file, open_feeds, work / "float", fixed)
    if error:
        return short(error)
    row["ms"] = f"{report['milliseconds']:.1f}"
    worst = difference(session, wanted, report)
    row["float"] = worst if isinstance(worst, str) else f"{worst:.1e}"
    if isinstance(worst, str) or not worst <= TOLERANCE:
        return "differs from ONNX Runtime"
    eight_bit = work / "int8.onnx"
    command = [binary, "quantize", str(file), "-o", str(eight_bit), "--random", "4"]
    command += [part for fix in fixed for part in ("--fix", fix)]
    for info, array in open_feeds.items():
        command += ["--shape", f"{info}={','.join(map(str, array.shape))}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        return f"quantizing: {short(done.stderr.strip())}"
    report, error = run(binary, eight_bit, open_feeds, work / "int8")
    if error:
        return f"eight bits: {short(error)}"
    row["eight_ms"] = f"{report['milliseconds']:.1f}"
    loss = difference(session, wanted, report)
    row["eight"] = loss if isinstance(loss, str) else f"{loss:.1e}"
    return "" if not isinstance(loss, str) else f"eight bits: {loss}"


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
    print("| model | float: difference | eight bits: difference | float ms | eight bits ms | ONNX Runtime ms | reason |")
    print("|---|---|---|---|---|---|---|")
    good = 0
    for index, file in enumerate(files):
        name = str(file.relative_to(arguments.models))
        row = check(arguments.binary, file, name, arguments.work / str(index))
        good += not row[-1]
        print(f"| {' | '.join(row)} |", flush=True)
    print(f"\n{good} of {len(files)} run in float as in ONNX Runtime (within {TOLERANCE} of the range), and in eight bits")


if __name__ == "__main__":
    main()
