"""Makes the files of the compared networks, once: float ONNX, our eight-bit ONNX, ONNX Runtime's, and that as TFLite.

| file | made by |
|---|---|
| NAME.onnx | torchvision's architecture with random weights; EfficientNet-Lite0 comes with this project |
| NAME.eightbit.onnx | `eightbit quantize` |
| NAME.int8.onnx | onnxruntime.quantization.quantize_static |
| NAME.int8.tflite | the latter, rewritten |
"""

import pathlib
import shutil
import subprocess
import sys

from .. import measure

ROOT = pathlib.Path(__file__).parents[4]
NETWORKS = ["resnet50", "inception_v3", "mobilenet_v2", "efficientnet_lite0"]
OWN = "efficientnet_lite0"


def prepare(folder, eightbit, wanted=""):
    """The networks (with `wanted` in their name) that have our eight-bit file; prints which other files could not be made."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [name for name in NETWORKS if wanted in name]
    for name in names:
        prepare_one(name, folder, eightbit)
    return [name for name in names if (folder / f"{name}.eightbit.onnx").exists()]


def prepare_one(name, folder, eightbit):
    model, int8 = folder / f"{name}.onnx", folder / f"{name}.int8.onnx"
    if name == OWN:
        make(model, lambda out: shutil.copy(ROOT / "models" / model.name, out))
    else:
        make(model, lambda out: module("export", name, out))
    if model.exists():
        command = [eightbit, "quantize", model, "--calibrate", ROOT / "models" / "photos", "--json", "-o"]
        make(folder / f"{name}.eightbit.onnx", lambda out: run([*command, out]))
        make(int8, lambda out: module("quantize", model, out))
    if int8.exists():
        make(folder / f"{name}.int8.tflite", lambda out: module("tflite", int8, out))


def make(path, write):
    """Makes a file under a temporary name, so that existing files are complete."""
    if path.exists():
        return
    measure.tell(f"making {path.name}")
    partial = path.with_name("partial-" + path.name)
    try:
        write(partial)
        partial.rename(path)
    except (subprocess.CalledProcessError, OSError) as error:
        measure.tell(f"ATTENTION: {path.name} could not be made, and what needs it is SKIPPED: {error}")


def module(name, *arguments):
    run([sys.executable, "-W", "ignore", "-m", f"comparison.models.{name}", *arguments])


def run(command):
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
