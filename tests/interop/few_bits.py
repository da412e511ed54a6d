"""What others make of networks of few bits that `eightbit quantize` wrote.

    python few_bits.py MODEL.onnx EXAMPLES [--program eightbit] [--count N]

MODEL is a float classifier with one input, EXAMPLES a folder with an array (.npy) for each example: the first half calibrates, the others
are compared. Files in QONNX are run by `qonnx` (pip install qonnx), others by ONNX Runtime, and all by `eightbit run`: a line for each file with
the share of examples that get the same class, the largest difference of a score, and the share of answers that are the float network's.
ONNX Runtime (1.32) computes products of `int4` weights in floats, and refuses convolutions with `int2` ones, which are all that may fail.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime

FORMS = [
    (weights, activations, form)
    for weights, activations in [("int8", 8), ("int6", 8), ("int4", 8), ("int4", 4), ("ternary", 8), ("bipolar", 8)]
    for form in ("qdq", "qcdq", "qonnx")
]


def by_onnxruntime(model, examples):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.stack([session.run(None, {name: np.load(path)})[0].reshape(-1) for path in examples])


def by_qonnx(model, examples):
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    model = ModelWrapper(str(model)).transform(InferShapes())
    source, target = model.graph.input[0].name, model.graph.output[0].name
    return np.stack([execute_onnx(model, {source: np.load(path)})[target].reshape(-1) for path in examples])


def by_eightbit(program, model, examples, work):
    answers = []
    for path in examples:
        subprocess.run([program, "run", model, "--input", path, "--output-dir", work / "outputs"], check=True, capture_output=True)
        answers.append(np.load(next((work / "outputs").glob("*.npy"))).reshape(-1))
    return np.stack(answers)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("examples", type=Path)
    parser.add_argument("--program", default="target/release/eightbit")
    parser.add_argument("--count", type=int, default=60, help="examples that are compared")
    options = parser.parse_args()
    files = sorted(options.examples.glob("*.npy"))
    calibrating, compared = files[: len(files) // 2], files[len(files) // 2 :][: options.count]
    if not compared:
        sys.exit(f"{options.examples}: at least two arrays (.npy) are needed")
    expected = by_onnxruntime(options.model, compared).argmax(1)
    differs = False
    print("| weights | activations | form | run by | same class, % | largest difference | the float network's class, % |")
    print("| --- | ---: | --- | --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        for weights, activations, form in FORMS:
            file = work / "written.onnx"
            flags = ["--weights", weights, "--activations", str(activations), "--format", form]
            command = [options.program, "quantize", options.model, "-o", file, "--calibrate", *calibrating, *flags]
            subprocess.run(command, check=True, capture_output=True)
            other = by_qonnx if form == "qonnx" else by_onnxruntime
            found = by_eightbit(options.program, file, compared, work)
            title = f"| {weights} | {activations} | {form} | {'qonnx' if form == 'qonnx' else 'ONNX Runtime'} |"
            right = 100 * np.mean(found.argmax(1) == expected)
            try:
                theirs = other(file, compared)
            except Exception as error:
                differs |= form != "qdq" or weights not in ("ternary", "bipolar")
                print(f"{title} refused: {str(error).splitlines()[0][:60]} | | {right:.1f} |")
                continue
            same = 100 * np.mean(found.argmax(1) == theirs.argmax(1))
            differs |= same < 95
            print(f"{title} {same:.1f} | {np.abs(found - theirs).max():.2g} | {right:.1f} |", flush=True)
    if differs:
        sys.exit("other programs give other answers: see above")


if __name__ == "__main__":
    main()
