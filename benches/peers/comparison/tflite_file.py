"""Writes TFLite files, piece by piece, without a converter (and without TensorFlow)."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

Kinds = schema.TensorType
Operators = schema.BuiltinOperator
# The version of each operator that supports s8 with per-channel scales, where it is not 1.
VERSIONS = {
    Operators.FULLY_CONNECTED: 12,
    Operators.CONV_2D: 3,
    Operators.DEPTHWISE_CONV_2D: 3,
    Operators.ADD: 2,
    Operators.MAX_POOL_2D: 2,
    Operators.AVERAGE_POOL_2D: 2,
    Operators.MEAN: 2,
    Operators.CONCATENATION: 2,
    Operators.PAD: 2,
    Operators.QUANTIZE: 2,
    Operators.DEQUANTIZE: 2,
}


class Writer:
    def __init__(self):
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        # By convention, the first buffer is empty.
        self.buffers = [schema.BufferT()]
        self.codes = []

    def tensor(self, kind, shape, scales=None, zero=0, axis=0, data=None):
        """A new tensor's index."""
        tensor = schema.TensorT()
        tensor.name, tensor.type, tensor.shape = f"t{len(self.graph.tensors)}", kind, list(map(int, shape))
        if scales is not None:
            quantization = schema.QuantizationParametersT()
            quantization.scale = np.atleast_1d(np.float32(scales))
            quantization.zeroPoint = np.full(len(quantization.scale), zero, np.int64)
            quantization.quantizedDimension = axis
            tensor.quantization = quantization
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            self.buffers.append(buffer)
            tensor.buffer = len(self.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operator(self, code, options, inputs, output):
        operator = schema.OperatorT()
        if code not in self.codes:
            self.codes.append(code)
        operator.opcodeIndex = self.codes.index(code)
        operator.inputs, operator.outputs = inputs, [output]
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.graph.operators.append(operator)
        return output

    def bytes(self, inputs, outputs):
        self.graph.inputs, self.graph.outputs = inputs, outputs
        model = schema.ModelT()
        model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [], [self.graph], self.buffers
        for code in self.codes:
            entry = schema.OperatorCodeT()
            entry.builtinCode = entry.deprecatedBuiltinCode = code
            entry.version = VERSIONS.get(code, 1)
            model.operatorCodes.append(entry)
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def window(options, stride, kernel=None):
    """Sets the window of a convolution or pooling; the padding is an operator of its own, since TFLite's pads unevenly."""
    options.strideH, options.strideW = stride
    options.padding = schema.Padding.VALID
    if kernel is None:
        options.dilationHFactor = options.dilationWFactor = 1
    else:
        options.filterHeight, options.filterWidth = kernel
    return options
