"""Does ONNX Runtime, as it runs files by default, leave layers float that `eightbit quantize` leaves float?

    python tests/interop/float_layers.py --program target/release/eightbit [--work FOLDER]

It quantizes such layers itself, all weights with one scale, unless the file tells it not to. One channel of these networks is tiny in the
first layer and made large again by the weights of the second, which one scale, of activations or of weights, cannot hold:
`--accuracy-drop` leaves a layer float. Exit status 1 if the answers of both programs differ, or if no layer is float, which would test nothing.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

CHANNELS, CLASSES, EXAMPLES = 8, 10, 40
LAYERS = ["Conv", "ConvTranspose", "Gemm", "MatMul"]


def network(op, numbers):
    """Three layers of `op` with activations, and scores."""
    is_image = op.startswith("Conv")
    shape = [1, 3, 16, 16] if is_image else [1, 12]
    constants, nodes, value = [], [], "x"

    def constant(name, values):
        constants.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    for layer in range(3):
        width = shape[1] if layer == 0 else CHANNELS
        # Output channels first, input channels second.
        weights = numbers.standard_normal([CHANNELS, width] + ([3, 3] if is_image else [])) * [1, 1, 0.1][layer]
        if layer == 0:
            weights[0] /= 30000
        elif layer == 1:
            weights[:, 0] *= 3000
        if op != "Conv":
            weights = weights.swapaxes(0, 1)
        weights = constant(f"w{layer}", weights)
        biases = [constant(f"b{layer}", np.zeros(CHANNELS))] if not is_image else []
        product, sums = f"product{layer}", f"sums{layer}"
        if op == "MatMul":
            nodes.append(helper.make_node(op, [value, weights], [product], product))
            nodes.append(helper.make_node("Add", [product, *biases], [sums], sums))
        else:
            pads = {"pads": [1] * 4} if is_image else {}
            nodes.append(helper.make_node(op, [value, weights, *biases], [sums], sums, **pads))
        value = f"v{layer}"
        nodes.append(helper.make_node("Relu", [sums], [value], value))
    if is_image:
        nodes.append(helper.make_node("GlobalAveragePool", [value], ["mean"], "mean"))
        nodes.append(helper.make_node("Flatten", ["mean"], ["flat"], "flat"))
        value = "flat"
    last = constant("w3", numbers.standard_normal([CHANNELS, CLASSES]))
    nodes.append(helper.make_node("Gemm", [value, last], ["y"], "scores"))
    info = [helper.make_tensor_value_info(*of) for of in [("x", TensorProto.FLOAT, shape), ("y", TensorProto.FLOAT, [1, CLASSES])]]
    graph = helper.make_graph(nodes, op, info[:1], info[1:], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), shape


def float_layers(path):
    """The layers of float weights whose results become bytes, maybe after an activation."""
    graph = onnx.load(path).graph
    constants = {one.name: one for one in graph.initializer if one.data_type == TensorProto.FLOAT}
    bytes_of = {node.input[0] for node in graph.node if node.op_type == "QuantizeLinear"}
    after = {node.input[0]: node.output[0] for node in graph.node if node.op_type in ("Add", "Relu")}
    found = []
    for node in graph.node:
        if node.op_type in LAYERS and node.input[1] in constants:
            value = node.output[0]
            while value in after and value not in bytes_of:
                value = after[value]
            found += [node.name] * (value in bytes_of)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path("target/interop"))
    options = parser.parse_args()
    failures = 0
    for op in LAYERS:
        work = options.work / "float_layers" / op
        shutil.rmtree(work, ignore_errors=True)
        (work / "examples").mkdir(parents=True)
        numbers = np.random.default_rng(2)
        model, shape = network(op, numbers)
        onnx.save(model, work / "float.onnx")
        examples = [numbers.standard_normal(shape).astype(np.float32) for _ in range(EXAMPLES)]
        for index, example in enumerate(examples):
            np.save(work / "examples" / f"{index:02}.npy", example)
        command = [options.program, "quantize", work / "float.onnx", "-o", work / "eight_bit.onnx"]
        command += ["--calibrate", work / "examples", "--effort", "0", "--accuracy-drop", "20"]
        subprocess.run(command, check=True, capture_output=True)
        layers = float_layers(work / "eight_bit.onnx")
        session = ort.InferenceSession(str(work / "eight_bit.onnx"), providers=["CPUExecutionProvider"])
        theirs = np.stack([session.run(None, {"x": example})[0] for example in examples])
        mine = []
        for index in range(EXAMPLES):
            run = [options.program, "run", work / "eight_bit.onnx", "--input", f"x={work}/examples/{index:02}.npy"]
            subprocess.run([*run, "-o", work / "out"], check=True, capture_output=True)
            mine.append(np.load(work / "out" / "y.npy"))
        difference = np.abs(theirs - np.stack(mine)).max() / np.abs(mine).max()
        # Float sums in another order, which may end in the neighbouring byte.
        good = bool(layers) and difference < 0.02
        failures += not good
        print(f"  {'ok  ' if good else 'FAIL'}  {op}: float {', '.join(layers) or 'nothing'}; difference of answers {difference:.2g}")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
