"""LiteRT (its kernels are XNNPACK's): FULLY_CONNECTED, CONV_2D and DEPTHWISE_CONV_2D, s8 activations."""

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from ..tflite_file import Kinds, Operators, Writer, window
from .problem import ACTIVATION_SCALE, OUTPUT_SCALE, WEIGHT_SCALE, Problem, zero_point
from .serve import Case, Gemm, copies, serve


def operator_of(shape):
    """Code, options, and the axis of the weights' channels."""
    if isinstance(shape, Gemm):
        return Operators.FULLY_CONNECTED, schema.FullyConnectedOptionsT(), 0
    if shape.groups == 1:
        return Operators.CONV_2D, window(schema.Conv2DOptionsT(), [shape.stride] * 2), 0
    options = window(schema.DepthwiseConv2DOptionsT(), [shape.stride] * 2)
    options.depthMultiplier = 1
    return Operators.DEPTHWISE_CONV_2D, options, 3


def model(problem, repeats):
    shape, writer, zero, channels = problem.shape, Writer(), zero_point("s8"), problem.channels
    code, options, axis = operator_of(shape)
    if isinstance(shape, Gemm):
        weights, size, out = problem.weights.T, [shape.m, shape.k], [shape.m, shape.n]
    else:
        # The image is padded beforehand.
        side = shape.side + 2 * shape.padding
        size, out = [1, side, side, shape.inputs], [1, shape.out_side, shape.out_side, shape.outputs]
        weights = problem.weights.transpose(0, 2, 3, 1) if axis == 0 else problem.weights.transpose(1, 2, 3, 0)
    scales = np.full(channels, WEIGHT_SCALE)
    image = writer.tensor(Kinds.INT8, size, ACTIVATION_SCALE, zero)
    packed = writer.tensor(Kinds.INT8, weights.shape, scales, axis=axis, data=weights)
    bias = writer.tensor(Kinds.INT32, [channels], scales * ACTIVATION_SCALE, data=problem.bias)
    outputs = [
        writer.operator(code, options, [image, packed, bias], writer.tensor(Kinds.INT8, out, OUTPUT_SCALE, zero))
        for _ in range(repeats)
    ]
    return writer.bytes([image], outputs)


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
