"""Times of this package beside those of NumPy and onnxruntime, in turns, as medians of milliseconds of one thread.

    python bindings/python/benches/compare.py model.onnx photos/
"""

import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np

import eightbit

TURNS = 41


def in_turns(**calls):
    """The median of each call, of which each is made once a turn."""
    times = {name: [] for name in calls}
    for turn in range(TURNS + 3):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if turn >= 3:
                times[name].append((time.perf_counter() - start) * 1e3)
    return {name: statistics.median(found) for name, found in times.items()}


def show(what, found):
    print(f"{what:<34}", "  ".join(f"{name} {milliseconds:8.3f}" for name, milliseconds in found.items()))


def import_time():
    program = "import numpy, time; start = time.perf_counter(); import eightbit; print(time.perf_counter() - start)"
    found = [float(subprocess.check_output([sys.executable, "-c", program])) * 1e3 for _ in range(11)]
    show("import, after numpy", {"eightbit": statistics.median(found)})


def products():
    rng = np.random.default_rng(0)
    for m, k, n in ((1, 4096, 4096), (64, 1024, 1024), (512, 512, 512), (1024, 1024, 1024)):
        a, b = rng.integers(0, 256, (m, k), np.uint8), rng.integers(-128, 128, (k, n), np.int8)
        x, w = a.astype(np.float32), b.astype(np.float32)
        packed, linear = eightbit.PackedWeights(b), eightbit.Linear(b, 0.5)
        assert (eightbit.matmul(a, b)[:1] == a[:1].astype(np.int64) @ b.astype(np.int64)).all()
        calls = {
            "matmul": lambda: eightbit.matmul(a, b),
            "packed": lambda: eightbit.matmul(a, packed),
            "Linear": lambda: linear(x),
            "numpy f32": lambda: x @ w,
        }
        show(f"product {m} × {k} × {n}", in_turns(**calls))


def sessions(model, photos):
    start = time.perf_counter()
    quantized = eightbit.quantize(model, calibrate=photos)
    print(f"quantize: {len(quantized.model):,} bytes in {time.perf_counter() - start:.1f} s")
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        quantized.save(file.name)
        for name, path in (("eight-bit", file.name), ("float", model)):
            ours = eightbit.Session(path)
            info = ours.inputs[0]
            x = np.random.default_rng(0).standard_normal([size or 1 for size in info.shape]).astype(np.float32)
            out = [np.empty_like(array) for array in ours.run({info.name: x})]
            calls = {
                "run": lambda: ours.run({info.name: x}),
                "run_into": lambda: ours.run_into({info.name: x}, out),
            }
            if importlib.util.find_spec("onnxruntime"):
                import onnxruntime

                options = onnxruntime.SessionOptions()
                options.intra_op_num_threads = 1
                theirs = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
                calls["onnxruntime"] = lambda: theirs.run(None, {info.name: x})
                same = np.array_equal(ours.run({info.name: x})[0], theirs.run(None, {info.name: x})[0])
                print(f"{name}: bits equal those of onnxruntime: {same}")
            show(f"session, {name}", in_turns(**calls))


if __name__ == "__main__":
    print(f"backend {eightbit.backend()}")
    import_time()
    products()
    if len(sys.argv) == 3:
        sessions(sys.argv[1], sys.argv[2])
