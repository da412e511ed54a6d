"""Larq Compute Engine: binary convolutions, images and weights as signs, one bit each; elements outside of an image are +1.

It runs in an environment of its own, for its NumPy is older. Its package imports TensorFlow, so the two modules that are needed are
loaded on their own, and the file of one operator is written here.
"""

import importlib.util
import pathlib
import sys

import flatbuffers
import numpy as np
from flatbuffers import flexbuffers

from .serve import Case, serve

PACKAGE = pathlib.Path(importlib.util.find_spec("larq_compute_engine").submodule_search_locations[0])
# Signs of a pixel or tap are words of 32 bits.
WORD = 32
# The rows and columns of pixels that are compared.
CHECKED = (slice(0, 3), slice(-3, None))


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


schema = load("tflite_schema", PACKAGE / "mlir" / "python" / "tflite_schema.py")
sys.path.insert(0, str(PACKAGE / "tflite" / "python"))
import interpreter_wrapper_lite  # noqa: E402


class Problem:
    def __init__(self, shape):
        random = np.random.default_rng(1)
        signs = lambda *size: random.integers(0, 2, size, dtype=np.uint8)
        self.shape = shape
        # 1 is −1.
        self.image = signs(1, shape.side, shape.side, shape.inputs)
        self.weights = signs(shape.outputs, shape.kernel, shape.kernel, shape.inputs)
        # Of the number of signs that differ.
        depth = shape.kernel**2 * shape.inputs
        self.thresholds = (depth // 2 + random.integers(-10, 11, shape.outputs)).astype(np.int32)

    def differing(self, rows, columns):
        """The numbers of signs that differ, of some pixels."""
        shape = self.shape
        padded = np.pad(self.image[0], ((shape.padding,) * 2,) * 2 + ((0, 0),))
        reach, side = shape.kernel, shape.out_side
        at = [(y, x) for y in range(side)[rows] for x in range(side)[columns]]
        patches = np.stack([padded[y : y + reach, x : x + reach] for y, x in at]).reshape(len(at), 1, -1)
        return (patches != self.weights.reshape(1, shape.outputs, -1)).sum(-1).reshape(-1, shape.outputs)


def words(signs):
    return np.packbits(signs, axis=-1, bitorder="little").view(np.int32)


def model(problem, to_signs):
    shape, kinds = problem.shape, schema.TensorType
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode, code.version = "LceBconv2d", 1
    buffers, tensors = [schema.BufferT()], []

    def tensor(size, kind, data=None):
        made = schema.TensorT()
        made.name, made.shape, made.type, made.buffer = f"t{len(tensors)}", list(size), kind, 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            buffers.append(buffer)
            made.buffer = len(buffers) - 1
        tensors.append(made)
        return len(tensors) - 1

    image = tensor((1, shape.side, shape.side, shape.inputs // WORD), kinds.INT32)
    packed = words(problem.weights)
    inputs = [image, tensor(packed.shape, kinds.INT32, packed)]
    out = 1, shape.out_side, shape.out_side
    if to_signs:
        inputs += [-1, -1, tensor((shape.outputs,), kinds.INT32, problem.thresholds)]
        output = tensor((*out, shape.outputs // WORD), kinds.INT32)
    else:
        ones, zeros = np.ones(shape.outputs, np.float32), np.zeros(shape.outputs, np.float32)
        inputs += [tensor(ones.shape, kinds.FLOAT32, ones), tensor(zeros.shape, kinds.FLOAT32, zeros), -1]
        output = tensor((*out, shape.outputs), kinds.FLOAT32)
    options = {
        "channels_in": shape.inputs,
        "dilation_height_factor": 1,
        "dilation_width_factor": 1,
        "fused_activation_function": 0,
        "pad_values": 1,
        # SAME
        "padding": 0,
        "stride_height": shape.stride,
        "stride_width": shape.stride,
    }
    builder = flexbuffers.Builder()
    with builder.Map():
        for name, value in options.items():
            builder.Key(name)
            builder.Int(value)
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, inputs, [output]
    operator.customOptions, operator.customOptionsFormat = np.frombuffer(bytes(builder.Finish()), np.uint8), 0
    graph = schema.SubGraphT()
    graph.tensors, graph.operators, graph.name = tensors, [operator], "main"
    graph.inputs, graph.outputs = [image], [output]
    made = schema.ModelT()
    made.version, made.description = 3, "a binary convolution"
    made.operatorCodes, made.subgraphs, made.buffers = [code], [graph], buffers
    bytes_of = flatbuffers.Builder(1 << 20)
    bytes_of.Finish(made.Pack(bytes_of), b"TFL3")
    return bytes(bytes_of.Output())


def prepare(shape):
    same = shape.stride == 1 and 2 * shape.padding == shape.kernel - 1
    if not same or shape.groups != 1 or shape.inputs % WORD or shape.outputs % WORD:
        raise ValueError("only convolutions of one group, stride 1 and whole words of channels, that keep the size")
    problem = Problem(shape)
    image = words(problem.image)
    for types, to_signs in ("b1b1b1", True), ("b1b1f32", False):
        # One thread, not the reference kernel, the one without a matrix of patches: the fastest of its three here.
        interpreter = interpreter_wrapper_lite.LiteInterpreter(model(problem, to_signs), 1, False, True, False)
        output = interpreter.predict([image])
        output = np.asarray(output[0] if isinstance(output, (list, tuple)) else output)
        wrong = compared = 0
        for rows in CHECKED:
            for columns in CHECKED:
                differing = problem.differing(rows, columns)
                found = output[0, rows, columns]
                if to_signs:
                    bits = np.unpackbits(np.ascontiguousarray(found).view(np.uint8), axis=-1, bitorder="little")
                    right = bits.reshape(differing.shape) == (differing > problem.thresholds)
                else:
                    depth = shape.kernel**2 * shape.inputs
                    right = found.reshape(differing.shape) == depth - 2 * differing
                wrong, compared = wrong + (~right).sum(), compared + right.size
        note = f"{wrong} of {compared} sums are wrong" if wrong else ""
        yield Case(types, lambda interpreter=interpreter: interpreter.predict([image]), note)


serve("larq", prepare)
