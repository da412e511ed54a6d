"""An eight-bit ONNX file of ONNX Runtime's (QDQ) as a TFLite file: the same network, the same numbers, NHWC, s8.

    python -m comparison.models.tflite MODEL.int8.onnx OUT.tflite

Supports only the operators of the compared networks. Average pooling keeps its input's scale, as TFLite requires.
"""

import pathlib
import sys

import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from onnx import numpy_helper

from ..tflite_file import Kinds, Operators, Writer, window

# NCHW to NHWC.
CHANNELS_LAST = {0: 0, 1: 3, 2: 1, 3: 2}


class Value:
    """A quantized activation: its TFLite tensor, its shape (NHWC), scale, and zero point as s8."""

    def __init__(self, index, shape, scale, zero):
        self.index, self.shape, self.scale, self.zero = index, list(shape), scale, zero


class Converter:
    def __init__(self, graph):
        self.writer = Writer()
        self.constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        self.producers = {name: node for node in graph.node for name in node.output}
        # The quantization of each float value, which the following node holds.
        self.quantizers = {node.input[0]: node for node in graph.node if node.op_type == "QuantizeLinear"}
        # Keyed by the names of the values in ONNX, float or quantized.
        self.values = {}
        self.graph = graph

    def convert(self):
        source = self.graph.input[0]
        batch, channels, height, width = (dim.dim_value for dim in source.type.tensor_type.shape.dim)
        photo = self.writer.tensor(Kinds.FLOAT32, [batch, height, width, channels])
        self.values[source.name] = Value(photo, [batch, height, width, channels], None, None)
        for node in self.graph.node:
            self.node(node)
        result = self.values[self.graph.output[0].name]
        logits = self.writer.tensor(Kinds.FLOAT32, result.shape)
        self.writer.operator(Operators.DEQUANTIZE, schema.DequantizeOptionsT(), [result.index], logits)
        return self.writer.bytes([photo], [logits])

    def node(self, node):
        if node.op_type == "QuantizeLinear":
            value = self.values[node.input[0]]
            # The output of an operator has this quantization already; the photo does not.
            self.values[node.output[0]] = value if value.scale is not None else self.quantize(value, node.input[0])
        elif node.op_type == "DequantizeLinear":
            if node.input[0] in self.values:
                self.values[node.output[0]] = self.values[node.input[0]]
        else:
            attributes = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
            self.values[node.output[0]] = getattr(self, node.op_type)(node, attributes)

    def quantization(self, name):
        _, scale, zero = self.quantizers[name].input
        return float(self.constants[scale]), int(self.constants[zero]) - 128

    def emit(self, code, options, inputs, shape, scale, zero):
        output = self.writer.tensor(Kinds.INT8, shape, scale, zero)
        self.writer.operator(code, options, inputs, output)
        return Value(output, shape, scale, zero)

    def quantize(self, value, name):
        return self.emit(Operators.QUANTIZE, schema.QuantizeOptionsT(), [value.index], value.shape, *self.quantization(name))

    def dequantized(self, name):
        """A constant's integers and scales."""
        integers, scales, _ = self.producers[name].input
        return self.constants[integers], np.atleast_1d(self.constants[scales])

    def bias(self, name):
        integers, scales = self.dequantized(name)
        return self.writer.tensor(Kinds.INT32, integers.shape, scales, data=integers.astype(np.int32))

    def padded(self, value, pads):
        top, left, bottom, right = pads
        if not any(pads):
            return value
        border = np.array([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32)
        constant = self.writer.tensor(Kinds.INT32, border.shape, data=border)
        shape = [size + sum(ends) for size, ends in zip(value.shape, border.tolist())]
        return self.emit(Operators.PAD, schema.PadOptionsT(), [value.index, constant], shape, value.scale, value.zero)

    @staticmethod
    def slid(value, kernel, stride):
        """Height and width of a window's extent."""
        return [(size - reach) // step + 1 for size, reach, step in zip(value.shape[1:3], kernel, stride)]

    def Conv(self, node, attributes):
        weights, scales = self.dequantized(node.input[1])
        image = self.padded(self.values[node.input[0]], attributes.get("pads", [0] * 4))
        stride = attributes.get("strides", [1, 1])
        shape = [1, *self.slid(image, weights.shape[2:], stride), weights.shape[0]]
        if attributes.get("group", 1) == 1:
            code, options, axis = Operators.CONV_2D, window(schema.Conv2DOptionsT(), stride), 0
            weights = weights.transpose(0, 2, 3, 1)
        else:
            options = window(schema.DepthwiseConv2DOptionsT(), stride)
            options.depthMultiplier = 1
            code, axis = Operators.DEPTHWISE_CONV_2D, 3
            weights = weights.transpose(1, 2, 3, 0)
        packed = self.writer.tensor(Kinds.INT8, weights.shape, scales, axis=axis, data=weights)
        inputs = [image.index, packed, self.bias(node.input[2])]
        return self.emit(code, options, inputs, shape, *self.quantization(node.output[0]))

    def Gemm(self, node, attributes):
        weights, scales = self.dequantized(node.input[1])
        weights = weights if attributes.get("transB", 0) else weights.T
        packed = self.writer.tensor(Kinds.INT8, weights.shape, scales, data=weights)
        inputs = [self.values[node.input[0]].index, packed, self.bias(node.input[2])]
        options, shape = schema.FullyConnectedOptionsT(), [1, len(weights)]
        return self.emit(Operators.FULLY_CONNECTED, options, inputs, shape, *self.quantization(node.output[0]))

    def Add(self, node, _):
        inputs = [self.values[name] for name in node.input]
        indices = [value.index for value in inputs]
        return self.emit(Operators.ADD, schema.AddOptionsT(), indices, inputs[0].shape, *self.quantization(node.output[0]))

    def pool(self, code, node, attributes):
        kernel, stride = attributes["kernel_shape"], attributes.get("strides", [1, 1])
        image = self.padded(self.values[node.input[0]], attributes.get("pads", [0] * 4))
        shape = [1, *self.slid(image, kernel, stride), image.shape[3]]
        options = window(schema.Pool2DOptionsT(), stride, kernel)
        return self.emit(code, options, [image.index], shape, image.scale, image.zero)

    def MaxPool(self, node, attributes):
        return self.pool(Operators.MAX_POOL_2D, node, attributes)

    def AveragePool(self, node, attributes):
        return self.pool(Operators.AVERAGE_POOL_2D, node, attributes)

    def GlobalAveragePool(self, node, _):
        image = self.values[node.input[0]]
        axes = self.writer.tensor(Kinds.INT32, [2], data=np.array([1, 2], np.int32))
        options = schema.ReducerOptionsT()
        options.keepDims = True
        shape = [1, 1, 1, image.shape[3]]
        return self.emit(Operators.MEAN, options, [image.index, axes], shape, *self.quantization(node.output[0]))

    def Concat(self, node, attributes):
        scale, zero = self.quantization(node.output[0])
        parts = []
        for name in node.input:
            part = self.values[name]
            if (part.scale, part.zero) != (scale, zero):
                part = self.emit(Operators.QUANTIZE, schema.QuantizeOptionsT(), [part.index], part.shape, scale, zero)
            parts.append(part)
        axis = CHANNELS_LAST[attributes["axis"]]
        shape = list(parts[0].shape)
        shape[axis] = sum(part.shape[axis] for part in parts)
        options = schema.ConcatenationOptionsT()
        options.axis = axis
        return self.emit(Operators.CONCATENATION, options, [part.index for part in parts], shape, scale, zero)

    def Flatten(self, node, _):
        image = self.values[node.input[0]]
        shape = [1, int(np.prod(image.shape))]
        options = schema.ReshapeOptionsT()
        options.newShape = shape
        new = self.writer.tensor(Kinds.INT32, [2], data=np.array(shape, np.int32))
        return self.emit(Operators.RESHAPE, options, [image.index, new], shape, image.scale, image.zero)


if __name__ == "__main__":
    model, out = sys.argv[1:]
    pathlib.Path(out).write_bytes(Converter(onnx.load(model).graph).convert())
