"""Do ONNX Runtime and this project give the same answers from the same eight-bit files?

Both run three files of one float model: the one that `eightbit quantize` writes, and those that
onnxruntime.quantization.quantize_static writes (QDQ, per channel and per tensor). For each:

* top-1 must agree on every photo;
* at least 99 % of the logits must differ by no more than one step of the output's quantization, or, where the output
  stays float, of the one that eight bits would have.

The first file must also be at most 27 % of the float one. Exit status 1 if any of this fails. At the end it prints
the times of one photo on one thread, interleaved: medians of ONNX Runtime's processor time and of the time that the program
reports. They do not affect the exit status.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime import quantization
from PIL import Image

SIZE, MEAN, STD = 224, 127.0, 128.0
AGREEING_SHARE = 0.99
SIZE_SHARE = 0.27
failures = []


def check(holds, what):
    print(f"  {'ok  ' if holds else 'FAIL'}  {what}")
    if not holds:
        failures.append(what)


def photos(folder):
    suffixes = {".png", ".jpg", ".jpeg"}
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes)
    if not paths:
        sys.exit(f"no photos in {folder}")
    return paths


def tensor(path):
    """The whole photo as 1x3x224x224, resized bilinearly."""
    image = Image.open(path).convert("RGB").resize((SIZE, SIZE), Image.BILINEAR)
    pixels = np.asarray(image, dtype=np.float32)
    return ((pixels - MEAN) / STD).transpose(2, 0, 1)[None]


def session(path, threads=2, exact=True):
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    if not exact:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    # Without VNNI the u8 x s8 kernels of ONNX Runtime add pairs of products in 16 bits, saturating. This entry
    # selects kernels that are exact on every CPU, at the price of speed.
    options.add_session_config_entry("session.x64quantprecision", "1")
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run_ort(path, inputs):
    model = session(path)
    name = model.get_inputs()[0].name
    return np.stack([model.run(None, {name: one})[0].reshape(-1) for one in inputs])


def output_step(path, logits):
    """The scale of the DequantizeLinear that writes the model's output; that of these logits in eight bits if none does."""
    model = onnx.load(path)
    producers = {name: node for node in model.graph.node for name in node.output}
    constants = {one.name: one for one in model.graph.initializer}
    node = producers[model.graph.output[0].name]
    if node.op_type != "DequantizeLinear":
        return float(np.ptp(logits)) / 255
    return float(onnx.numpy_helper.to_array(constants[node.input[1]]))


class Reader(quantization.CalibrationDataReader):
    def __init__(self, name, inputs):
        self.inputs = iter([{name: one} for one in inputs])

    def get_next(self):
        return next(self.inputs, None)


class Ours:
    """This project: the program, and the example that runs models on raw tensor files."""

    def __init__(self, program, work):
        self.work = work
        self.program = program

    def tensors(self, inputs, name):
        path = self.work / name
        np.concatenate(inputs).astype("<f4").tofile(path)
        return path

    def run(self, model, tensors, count):
        out = self.work / "logits.f32"
        subprocess.run([self.program.parent / "examples/raw_tensors", "run", model, tensors, out], check=True)
        return np.fromfile(out, dtype="<f4").reshape(count, -1)

    def milliseconds(self):
        """The built-in network in eight bits: the time that the program measures."""
        command = [self.program, "label-image", "--threads=1", "--json"]
        answer = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        return next(one["milliseconds"] for one in answer["networks"] if one["kind"] == "eight-bit")

    def quantize(self, model, out, photos):
        command = [self.program, "quantize", model, "-o", out, "--calibrate", *photos]
        subprocess.run([*command, f"--input-mean={MEAN:g}", f"--input-std={STD:g}"], check=True)


def compare(title, path, inputs, ours, tensors, float_logits, labels):
    print(title)
    theirs, mine = run_ort(path, inputs), ours.run(path, tensors, len(inputs))
    step = output_step(path, theirs)
    difference = np.abs(theirs - mine) / step
    agree = (theirs.argmax(1) == mine.argmax(1)).sum()
    check(agree == len(inputs), f"top-1 of ONNX Runtime and eightbit agrees on {agree} of {len(inputs)} photos")
    # A thousandth of a step for the rounding of the dequantized numbers.
    near = (difference <= 1.001).mean()
    check(near >= AGREEING_SHARE, f"{near:.4%} of the logits differ by at most one step ({step:.4g})")
    print(f"        equal: {(difference < 0.001).mean():.4%}, largest difference: {difference.max():.2f} steps")
    same = (mine.argmax(1) == float_logits.argmax(1)).mean()
    print(f"        same answer as float: {same:.1%}, {accuracy(mine, labels)}")


def compare_times(float_model, eight_bit_model, inputs, ours, rounds=5, photos=20):
    sessions = [session(path, threads=1, exact=False) for path in (float_model, eight_bit_model)]
    name = sessions[0].get_inputs()[0].name
    times = [[], [], []]
    for _ in range(rounds):
        for one, record in zip(sessions, times):
            for photo in inputs[:photos]:
                start = time.process_time()
                one.run(None, {name: photo})
                record.append(1e3 * (time.process_time() - start))
        times[2].append(ours.milliseconds())
    float_ort, int8_ort, mine = map(statistics.median, times)
    print("one photo, one thread")
    print(f"        ONNX Runtime float {float_ort:.2f} ms, eight bits {int8_ort:.2f} ms; eightbit {mine:.2f} ms")
    print(f"        eightbit is {float_ort / mine:.2f} times as fast as the float run, {int8_ort / mine:.2f} times as the other")


def accuracy(logits, labels):
    return "" if labels is None else f"top-1 {(logits.argmax(1) == labels).mean():.1%}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=pathlib.Path, default=pathlib.Path("target/release/eightbit"))
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("target/interop"))
    parser.add_argument("--model", type=pathlib.Path, default=pathlib.Path("models/efficientnet_lite0.onnx"))
    parser.add_argument("--photos", type=pathlib.Path, default=pathlib.Path("models/photos"))
    parser.add_argument("--labels", type=pathlib.Path, help="lines of file name and class, for top-1")
    parser.add_argument("--calibrate", type=pathlib.Path, default=pathlib.Path("models/photos"))
    arguments = parser.parse_args()
    if not arguments.photos.is_dir():
        sys.exit(f"{arguments.photos}: no such folder; name one with photos: --photos DIR")

    paths = photos(arguments.photos)
    inputs = [tensor(path) for path in paths]
    labels = None
    if arguments.labels:
        rows = [line.split("\t") for line in arguments.labels.read_text().splitlines()]
        classes = {row[0]: row[1] for row in rows if len(row) > 1}
        labels = np.array([int(classes[path.name]) for path in paths])
    calibration = photos(arguments.calibrate)
    ours = Ours(arguments.program, arguments.work)
    tensors = ours.tensors(inputs, "photos.f32")

    print(f"ONNX Runtime {ort.__version__}, {len(inputs)} photos, calibrated with {len(calibration)}")
    print("float")
    logits = run_ort(arguments.model, inputs)
    mine = ours.run(arguments.model, tensors, len(inputs))
    agree = (logits.argmax(1) == mine.argmax(1)).sum()
    check(agree == len(inputs), f"top-1 of ONNX Runtime and eightbit agrees on {agree} of {len(inputs)} photos")
    print(f"        largest difference: {np.abs(logits - mine).max():.2g}, {accuracy(mine, labels)}")

    own = arguments.work / "eightbit.onnx"
    ours.quantize(arguments.model, own, calibration)
    onnx.checker.check_model(onnx.load(own), full_check=True)
    share = own.stat().st_size / arguments.model.stat().st_size
    check(share <= SIZE_SHARE, f"{own.stat().st_size} bytes, {share:.1%} of the float file")
    compare("written by eightbit", own, inputs, ours, tensors, logits, labels)

    prepared = arguments.work / "prepared.onnx"
    quantization.shape_inference.quant_pre_process(str(arguments.model), str(prepared))
    name = session(arguments.model).get_inputs()[0].name
    for per_channel in (True, False):
        kind = "per channel" if per_channel else "per tensor"
        path = arguments.work / f"onnxruntime_{kind.replace(' ', '_')}.onnx"
        quantization.quantize_static(
            str(prepared),
            str(path),
            Reader(name, [tensor(photo) for photo in calibration]),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=per_channel,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
        title = f"written by ONNX Runtime, {kind}: {path.stat().st_size} bytes"
        compare(title, path, inputs, ours, tensors, logits, labels)

    compare_times(arguments.model, own, inputs, ours)

    print(f"{len(failures)} failures" if failures else "all as it should be")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
