"""ONNX models of a single operator, repeated, for the libraries that take ONNX."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from .problem import ACTIVATION_SCALE, OUTPUT_SCALE, WEIGHT_SCALE, zero_point
from .serve import Gemm

TYPES = {"u8": TensorProto.UINT8, "s8": TensorProto.INT8, "s32": TensorProto.INT32}


def constants(**values):
    return [numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()]


def model(nodes, inputs, outputs, constants):
    """Nodes, (name, type, shape) of inputs and outputs, constants."""
    values = [
        [helper.make_tensor_value_info(name, TYPES[types], shape) for name, types, shape in group] for group in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "peer", *values, constants)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def quantization(problem, types):
    """All scales and zero points, those of the weights per channel."""
    kind = problem.input.dtype.type
    zero = kind(zero_point(types))
    return constants(
        a_scale=np.float32(ACTIVATION_SCALE),
        a_zero=zero,
        w_scale=np.full(problem.channels, WEIGHT_SCALE, np.float32),
        w_zero=np.zeros(problem.channels, np.int8),
        y_scale=np.float32(OUTPUT_SCALE),
        y_zero=zero,
    )


def raw_gemm(problem, types, repeats):
    shape = problem.shape
    nodes = [helper.make_node("MatMulInteger", ["a", "w"], [f"y{i}"]) for i in range(repeats)]
    outputs = [(f"y{i}", "s32", [shape.m, shape.n]) for i in range(repeats)]
    return model(nodes, [("a", types, [shape.m, shape.k])], outputs, constants(w=problem.weights))


def window(shape):
    return {
        "kernel_shape": [shape.kernel] * 2,
        "strides": [shape.stride] * 2,
        "pads": [shape.padding] * 4,
        "group": shape.groups,
    }


OPERANDS = ["a", "a_scale", "a_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero"]


def qlinear(problem, types, repeats):
    """QLinearMatMul, or ONNX Runtime's QLinearConv on NHWC."""
    shape = problem.shape
    fixed = quantization(problem, types) + constants(w=problem.weights)
    if isinstance(shape, Gemm):
        nodes = [helper.make_node("QLinearMatMul", OPERANDS, [f"y{i}"]) for i in range(repeats)]
        out = [shape.m, shape.n]
    else:
        fixed += constants(bias=problem.bias)
        extra = {"domain": "com.microsoft", "channels_last": 1, **window(shape)}
        nodes = [helper.make_node("QLinearConv", [*OPERANDS, "bias"], [f"y{i}"], **extra) for i in range(repeats)]
        out = [1, shape.out_side, shape.out_side, shape.outputs]
    outputs = [(f"y{i}", types, out) for i in range(repeats)]
    return model(nodes, [("a", types, list(problem.input.shape))], outputs, fixed)


def qdq(problem, types, repeats):
    """Float operators between DequantizeLinear and QuantizeLinear, NCHW: graph compilers turn them into integer kernels.

    Each repetition has weights of its own, or a compiler would merge them."""
    shape = problem.shape
    is_gemm = isinstance(shape, Gemm)
    fixed, nodes, outputs = quantization(problem, types), [], []
    size = list(problem.input.shape) if is_gemm else [1, shape.inputs, shape.side, shape.side]
    out = [shape.m, shape.n] if is_gemm else [1, shape.outputs, shape.out_side, shape.out_side]
    nodes.append(helper.make_node("DequantizeLinear", ["a", "a_scale", "a_zero"], ["x"]))
    fixed += constants(bias_scale=np.full(problem.channels, ACTIVATION_SCALE * WEIGHT_SCALE, np.float32))
    fixed += constants(bias_zero=np.zeros(problem.channels, np.int32), bias=problem.bias)
    nodes.append(helper.make_node("DequantizeLinear", ["bias", "bias_scale", "bias_zero"], ["b"], axis=0))
    for i in range(repeats):
        fixed += constants(**{f"w{i}": problem.weights if i == 0 else np.roll(problem.weights, i)})
        axis = 1 if is_gemm else 0
        nodes.append(helper.make_node("DequantizeLinear", [f"w{i}", "w_scale", "w_zero"], [f"v{i}"], axis=axis))
        if is_gemm:
            nodes.append(helper.make_node("MatMul", ["x", f"v{i}"], [f"p{i}"]))
            nodes.append(helper.make_node("Add", [f"p{i}", "b"], [f"s{i}"]))
        else:
            nodes.append(helper.make_node("Conv", ["x", f"v{i}", "b"], [f"s{i}"], **window(shape)))
        nodes.append(helper.make_node("QuantizeLinear", [f"s{i}", "y_scale", "y_zero"], [f"y{i}"]))
        outputs.append((f"y{i}", types, out))
    return model(nodes, [("a", types, size)], outputs, fixed)
