"""One quantizer on one network, in a Python that has it: see accuracy.py, which calls this.

    python quantizers.py TOOL FLOAT_FILE CALIBRATION_FOLDER OUTPUT_FILE

The folder has one array for each example. Prints one line of JSON: the version of the tool, the seconds that quantizing took, without
the time to import the tool.

    python quantizers.py run-tflite FILE.tflite EXAMPLES_FOLDER SCORES.npy

runs a network of TensorFlow Lite, which no other program here runs.
"""

import importlib.metadata
import json
import logging
import sys
import time
from pathlib import Path

import numpy as np


def examples(folder):
    return [np.load(path) for path in sorted(Path(folder).glob("*.npy"))]


class Reader:
    """Calibration examples as ONNX Runtime takes them."""

    def __init__(self, name, folder):
        self.name, self.all = name, examples(folder)
        self.rewind()

    def rewind(self):
        self.left = iter(self.all)

    def get_next(self):
        example = next(self.left, None)
        return None if example is None else {self.name: example}


def input_name(model):
    import onnx

    graph = onnx.load(model).graph
    constants = {constant.name for constant in graph.initializer}
    return next(value.name for value in graph.input if value.name not in constants)


def onnx_runtime(model, folder, output, method, per_channel=True, weights="QInt8"):
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    def work():
        # Folds batch normalizations, as its documentation asks for.
        prepared = f"{output}.prepared.onnx"
        quant_pre_process(model, prepared)
        quantization.quantize_static(
            prepared,
            output,
            Reader(input_name(prepared), folder),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=per_channel,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType[weights],
            calibrate_method=quantization.CalibrationMethod[method],
        )

    return "onnxruntime", work


def nncf(model, folder, output):
    import nncf as tool
    import onnx

    def work():
        name = input_name(model)
        data = tool.Dataset([{name: example} for example in examples(folder)])
        onnx.save(tool.quantize(onnx.load(model), data, subset_size=len(examples(folder))), output)

    return "nncf", work


def neural_compressor(model, folder, output):
    from onnx_neural_compressor import data_reader, quantization
    from onnx_neural_compressor.quantization import config

    class Data(Reader, data_reader.CalibrationDataReader):
        pass

    def work():
        data = Data(input_name(model), folder)
        how = config.StaticQuantConfig(
            data,
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            calibration_sampling_size=len(data.all),
        )
        quantization.quantize(model, output, how)

    return "onnx-neural-compressor", work


def tflite(model, folder, output):
    import tensorflow as tf

    def work():
        graph = tf.compat.v1.GraphDef()
        graph.ParseFromString(Path(model).read_bytes())
        read = {name.split(":")[0].lstrip("^") for node in graph.node for name in node.input}
        inputs = [node.name for node in graph.node if node.op == "Placeholder"]
        outputs = [node.name for node in graph.node if node.name not in read and node.op != "Const"]
        converter = tf.compat.v1.lite.TFLiteConverter.from_frozen_graph(
            model, inputs, outputs, input_shapes={inputs[0]: examples(folder)[0].shape}
        )
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([example] for example in examples(folder))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        Path(output).write_bytes(converter.convert())

    return "tensorflow-cpu", work


def run_tflite(model, folder, output):
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model)
    interpreter.allocate_tensors()
    source, sink = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    scores = []
    for example in examples(folder):
        interpreter.set_tensor(source, example)
        interpreter.invoke()
        scores.append(interpreter.get_tensor(sink).reshape(-1))
    np.save(output, np.stack(scores))


TOOLS = {
    "onnxruntime-minmax": lambda *paths: onnx_runtime(*paths, "MinMax"),
    "onnxruntime-percentile": lambda *paths: onnx_runtime(*paths, "Percentile"),
    "onnxruntime-entropy": lambda *paths: onnx_runtime(*paths, "Entropy"),
    "onnxruntime-per-tensor": lambda *paths: onnx_runtime(*paths, "MinMax", per_channel=False),
    "onnxruntime-int4": lambda *paths: onnx_runtime(*paths, "MinMax", weights="QInt4"),
    "nncf": nncf,
    "neural-compressor": neural_compressor,
    "tflite": tflite,
}


def main():
    logging.disable(logging.WARNING)
    tool, *paths = sys.argv[1:]
    if tool == "run-tflite":
        return run_tflite(*paths)
    package, work = TOOLS[tool](*paths)
    begin = time.perf_counter()
    work()
    seconds = time.perf_counter() - begin
    print(json.dumps({"version": importlib.metadata.version(package), "seconds": seconds}))


main()
