"""LiteRT (its kernels are XNNPACK's): FULLY_CONNECTED, CONV_2D and DEPTHWISE_CONV_2D, s8 activations."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from .problem import ACTIVATION_SCALE, OUTPUT_SCALE, WEIGHT_SCALE, Problem, zero_point
from .serve import Case, Gemm, copies, serve


class Builder:
    """A TFLite file, piece by piece."""

    def __init__(self):
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        # By convention, the first buffer is empty.
        self.buffers = [schema.BufferT()]

    def tensor(self, name, kind, shape, scales, zero=0, axis=0, data=None):
        quantization = schema.QuantizationParametersT()
        quantization.scale = np.atleast_1d(np.float32(scales))
        quantization.zeroPoint = np.full(len(quantization.scale), zero, np.int64)
        quantization.quantizedDimension = axis
        tensor = schema.TensorT()
        tensor.name, tensor.type, tensor.shape, tensor.quantization = name, kind, list(shape), quantization
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            self.buffers.append(buffer)
            tensor.buffer = len(self.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(self, options_type, options, inputs, output):
        operator = schema.OperatorT()
        operator.inputs, operator.outputs = inputs, [output]
        operator.builtinOptionsType, operator.builtinOptions = options_type, options
        self.graph.operators.append(operator)

    def bytes(self, code, version, inputs, outputs):
        self.graph.inputs, self.graph.outputs = inputs, outputs
        operator_code = schema.OperatorCodeT()
        operator_code.builtinCode = operator_code.deprecatedBuiltinCode = code
        operator_code.version = version
        model = schema.ModelT()
        model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [operator_code], [self.graph], self.buffers
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def operator_of(shape):
    """Code, version, type of options, options, and the axis of the weights' channels."""
    if isinstance(shape, Gemm):
        return schema.BuiltinOperator.FULLY_CONNECTED, 12, schema.BuiltinOptions.FullyConnectedOptions, schema.FullyConnectedOptionsT(), 0
    if shape.groups == 1:
        options = schema.Conv2DOptionsT()
        kinds = schema.BuiltinOperator.CONV_2D, 3, schema.BuiltinOptions.Conv2DOptions
        axis = 0
    else:
        options = schema.DepthwiseConv2DOptionsT()
        options.depthMultiplier = 1
        kinds = schema.BuiltinOperator.DEPTHWISE_CONV_2D, 3, schema.BuiltinOptions.DepthwiseConv2DOptions
        axis = 3
    options.strideH = options.strideW = shape.stride
    options.dilationHFactor = options.dilationWFactor = 1
    options.padding = schema.Padding.VALID
    return *kinds, options, axis


def model(problem, repeats):
    shape, builder, zero = problem.shape, Builder(), zero_point("s8")
    code, version, options_type, options, axis = operator_of(shape)
    if isinstance(shape, Gemm):
        weights, size, out = problem.weights.T, [shape.m, shape.k], [shape.m, shape.n]
    else:
        # TFLite has no other padding than SAME, which pads unevenly at stride 2: the image comes padded.
        side = shape.side + 2 * shape.padding
        size, out = [1, side, side, shape.inputs], [1, shape.out_side, shape.out_side, shape.outputs]
        weights = problem.weights.transpose(0, 2, 3, 1) if axis == 0 else problem.weights.transpose(1, 2, 3, 0)
    kinds, channels = schema.TensorType, problem.channels
    image = builder.tensor("a", kinds.INT8, size, ACTIVATION_SCALE, zero)
    scales = np.full(channels, WEIGHT_SCALE)
    outputs = []
    bias = builder.tensor("b", kinds.INT32, [channels], scales * ACTIVATION_SCALE, data=problem.bias)
    packed = builder.tensor("w", kinds.INT8, weights.shape, scales, axis=axis, data=weights)
    for i in range(repeats):
        output = builder.tensor(f"y{i}", kinds.INT8, out, OUTPUT_SCALE, zero)
        builder.operator(options_type, options, [image, packed, bias], output)
        outputs.append(output)
    return builder.bytes(code, version, [image], outputs)


def prepare(shape):
    repeats = copies(shape)
    problem = Problem(shape, "s8")
    interpreter = Interpreter(model_content=model(problem, repeats), num_threads=1)
    interpreter.allocate_tensors()
    image = problem.input
    if not isinstance(shape, Gemm) and shape.padding:
        border = ((0, 0), *((shape.padding, shape.padding),) * 2, (0, 0))
        image = np.pad(image, border, constant_values=zero_point("s8"))
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
    interpreter.invoke()
    output = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    verdict = problem.verdict(output, zero_point("s8"))
    yield Case("s8s8s8", interpreter.invoke, "XNNPACK" + verdict, repeats)


serve("litert", prepare)
