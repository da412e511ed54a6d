"""Quantizers side by side: what each makes of the same networks with the same photos, in one table a network.

    python accuracy.py --models DIR --photos DIR [--networks NAME...] [--settings "FLAGS"...] [--json FILE]

Photos lie in DIR/images, their labels in DIR/labels.tsv (file, tab, number of the class, from 0). The first 64, sorted by name, calibrate;
the others count. Each becomes an array once, which all tools read. What a tool writes is run by ONNX Runtime (a file of eightbit gives
the same bits there), TensorFlow Lite's files by TensorFlow Lite. Run by accuracy.sh, which fetches the tools.

Columns: right answers (top 1), answers that are those of the float network, mean absolute difference of a score from the float network's,
size of the file as a part of the float file's, seconds to quantize. A tool or file that is missing is a line that says so.
"""

import argparse
import datetime
import json
import os
import platform
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

CALIBRATION = 64
HERE = Path(__file__).parent

# `first_class` is the score of the class 0 of the labels; without one, only agreement counts.
NETWORKS = {
    "efficientnet-lite0": dict(file="efficientnet_lite0.onnx", size=224, mean=127, std=128, order="nchw", first_class=0),
    "efficientnet-lite1": dict(file="efficientnet_lite1.onnx", size=240, mean=127, std=128, order="nchw", first_class=0),
    "efficientnet-lite2": dict(file="efficientnet_lite2.onnx", size=260, mean=127, std=128, order="nchw", first_class=0),
    "mobilenet-v1": dict(file="mobilenet_v1.pb", size=224, mean=128, std=128, order="nhwc", first_class=1),
    "inception-v3": dict(file="inception_v3.pb", size=299, mean=0, std=255, order="nhwc", first_class=None, output="logits:0"),
}

# Tools with the environment variable that names a Python which has them.
TOOLS = {
    "onnxruntime-minmax": "PYTHON",
    "onnxruntime-percentile": "PYTHON",
    "onnxruntime-entropy": "PYTHON",
    "onnxruntime-per-tensor": "PYTHON",
    "onnxruntime-int4": "PYTHON",
    "nncf": "NNCF_PYTHON",
    "neural-compressor": "INC_PYTHON",
    "tflite": "TENSORFLOW_PYTHON",
}


class Failed(Exception):
    """Why there are no figures."""


def call(*command, environment=None):
    command = list(map(str, command))
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **(environment or {})})
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise Failed(lines[-1] if lines else f"exit status {done.returncode}")
    return done.stdout


class Network:
    """A float network with its photos as arrays."""

    def __init__(self, name, options):
        self.name, self.options = name, options
        self.facts = NETWORKS[name]
        self.path = options.models / self.facts["file"]
        if not self.path.exists():
            raise Failed(f"MISSING: {self.path}")
        self.work = options.work / name
        self.write_arrays()
        self.float_file = self.as_onnx()
        self.expected = run(self.float_file, self.work / "test")

    def write_arrays(self):
        facts = self.facts
        for part, photos in [("calibration", self.options.files[:CALIBRATION]), ("test", self.options.files[CALIBRATION:])]:
            folder = self.work / part
            folder.mkdir(parents=True, exist_ok=True)
            for old in folder.iterdir():
                old.unlink()
            for photo in photos:
                side = (facts["size"], facts["size"])
                pixels = Image.open(photo).convert("RGB").resize(side, Image.Resampling.BILINEAR)
                array = (np.asarray(pixels, np.float32) - facts["mean"]) / np.float32(facts["std"])
                array = array.transpose(2, 0, 1) if facts["order"] == "nchw" else array
                np.save(folder / f"{photo.stem}.npy", np.ascontiguousarray(array[None], np.float32))

    def as_onnx(self):
        """The network as the other tools read it."""
        if self.path.suffix == ".onnx":
            return self.path
        output = self.work / "float.onnx"
        more = [self.facts["output"]] if "output" in self.facts else []
        call(self.options.to_onnx, self.path, output, *more)
        return output

    def eightbit(self, setting):
        output = self.work / "eightbit.onnx"
        flags = shlex.split(setting)
        if "--data-free" in flags:
            flags += ["--input-mean", str(self.facts["mean"]), "--input-std", str(self.facts["std"])]
        else:
            flags += ["--calibrate", str(self.work / "calibration")]
        if "output" in self.facts:
            flags += ["--output-layer", self.facts["output"]]
        begin = time.perf_counter()
        call(self.options.program, "quantize", self.path, "-o", output, "--threads", self.options.threads, *flags)
        seconds = time.perf_counter() - begin
        return self.compared(run(output, self.work / "test"), output, seconds)

    def peer(self, tool):
        python = os.environ.get(TOOLS[tool])
        if tool.startswith("onnxruntime"):
            python = python or sys.executable
        if not python or not Path(python).exists():
            raise Failed(f"MISSING: {TOOLS[tool]} names no Python that has it")
        quiet = {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
        script, is_tflite = HERE / "quantizers.py", tool == "tflite"
        if is_tflite and self.path.suffix != ".pb":
            raise Failed("there is no TensorFlow form of this network")
        if is_tflite and "output" in self.facts:
            raise Failed("not compared: the network has several outputs")
        output = self.work / f"{tool}.{'tflite' if is_tflite else 'onnx'}"
        source = self.path if is_tflite else self.float_file
        lines = call(python, script, tool, source, self.work / "calibration", output, environment=quiet)
        told = json.loads(next(line for line in lines.splitlines() if line.startswith('{"version"')))
        if is_tflite:
            call(python, script, "run-tflite", output, self.work / "test", self.work / "scores.npy", environment=quiet)
            scores = np.load(self.work / "scores.npy")
        else:
            scores = run(output, self.work / "test")
        return {"version": told["version"], **self.compared(scores, output, told["seconds"])}

    def compared(self, scores, file, seconds):
        # Some tools write the weights beside the file.
        size = sum(part.stat().st_size for part in [file, Path(f"{file}_data"), Path(f"{file}.data")] if part.exists())
        figures = {
            "agreement": 100 * float(np.mean(scores.argmax(1) == self.expected.argmax(1))),
            "error": float(np.abs(scores - self.expected).mean()),
            "bytes": size,
            "part": 100 * size / self.path.stat().st_size,
            "seconds": seconds,
        }
        if self.facts["first_class"] is not None:
            right = self.options.labels[CALIBRATION:] + self.facts["first_class"]
            figures["top1"] = 100 * float(np.mean(scores.argmax(1) == right))
        return figures


def run(file, folder):
    """The scores of a file for the arrays of a folder, by ONNX Runtime."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    arrays = [np.load(path) for path in sorted(folder.glob("*.npy"))]
    return np.stack([session.run(None, {name: array})[0].reshape(-1) for array in arrays])


def row(cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def table(network, settings, tools):
    """Prints the table of a network and returns its figures."""
    print(f"\n## {network.name}\n\n`{network.facts['file']}`, {len(network.expected)} photos\n")
    row(["", "top 1, %", "agreement, %", "score error", "size, %", "seconds"])
    row(["---", "---:", "---:", "---:", "---:", "---:"])
    ways = [("float", lambda: network.compared(network.expected, network.path, 0.0))]
    ways += [(f"eightbit {setting}".strip(), lambda setting=setting: network.eightbit(setting)) for setting in settings]
    ways += [(tool, lambda tool=tool: network.peer(tool)) for tool in tools]
    figures = {}
    for name, way in ways:
        try:
            found = way()
        except Failed as reason:
            figures[name] = {"failed": str(reason)}
            row([name, f"**{reason}**", "", "", "", ""])
            continue
        figures[name] = found
        title = f"{name} ({found['version']})" if "version" in found else name
        top1 = f"{found['top1']:.2f}" if "top1" in found else "–"
        seconds = f"{found['seconds']:.1f}" if found["seconds"] else "–"
        row([title, top1, f"{found['agreement']:.2f}", f"{found['error']:.3f}", f"{found['part']:.1f}", seconds])
    return figures


def cpu():
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    return f"{name}, {os.cpu_count()} logical CPUs"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, required=True, help="the folder of the float networks")
    parser.add_argument("--photos", type=Path, required=True, help="a folder with images/ and labels.tsv")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=["efficientnet-lite0", "mobilenet-v1"])
    parser.add_argument("--settings", nargs="*", default=["--effort 0", "", "--effort 2"], help='flags of `eightbit quantize`: "--min-max"')
    parser.add_argument("--tools", nargs="*", choices=TOOLS, default=list(TOOLS))
    parser.add_argument("--program", default="target/release/eightbit")
    parser.add_argument("--to-onnx", default="target/release/examples/to_onnx")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("target/interop/accuracy"))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    labels = options.photos / "labels.tsv"
    if not labels.exists():
        sys.exit(f"MISSING: {labels}: give --photos a folder with images/ and labels.tsv")
    by_name = dict(line.split("\t")[:2] for line in labels.read_text().splitlines()[1:])
    options.files = sorted((options.photos / "images").iterdir())
    options.labels = np.array([int(by_name[photo.name]) for photo in options.files])
    if len(options.files) <= CALIBRATION:
        sys.exit(f"{options.photos}: more than {CALIBRATION} photos are needed")
    print(f"{datetime.date.today()}, {cpu()}, ONNX Runtime {onnxruntime.__version__}, {CALIBRATION} photos calibrate")
    results, missing = {}, False
    for name in options.networks:
        try:
            results[name] = table(Network(name, options), options.settings, options.tools)
        except Failed as reason:
            print(f"\n## {name}\n\n**{reason}**")
            results[name] = {"failed": str(reason)}
        missing |= any("failed" in figures for figures in results[name].values() if isinstance(figures, dict))
        missing |= "failed" in results[name]
    if options.json:
        options.json.write_text(json.dumps({"date": str(datetime.date.today()), "cpu": cpu(), "networks": results}, indent=1))
    if missing:
        print("\nNot everything was measured: see the lines in bold.", file=sys.stderr)


if __name__ == "__main__":
    main()
