"""ONNX Runtime (its kernels are MLAS): MatMulInteger, QLinearMatMul, QLinearConv on NHWC."""

import numpy as np
import onnxruntime

from . import onnx_models
from .problem import Problem, zero_point
from .serve import Case, Gemm, copies, serve


def bound(model, problem, types):
    """A call of the model on preallocated memory, and its first output."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Repetitions of a node would be merged into one.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    binding.bind_ortvalue_input("a", onnxruntime.OrtValue.ortvalue_from_numpy(problem.input))
    outputs = []
    for output in session.get_outputs():
        value = onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(output.shape, types))
        binding.bind_ortvalue_output(output.name, value)
        outputs.append(value)
    session.run_with_iobinding(binding)
    return (lambda: session.run_with_iobinding(binding)), outputs[0].numpy()


def prepare(shape):
    repeats = copies(shape)
    is_gemm = isinstance(shape, Gemm)
    for activations in ("u8", "s8"):
        problem = Problem(shape, activations)
        if is_gemm:
            call, sums = bound(onnx_models.raw_gemm(problem, activations, repeats), problem, np.int32)
            verdict = problem.verdict(sums, 0, requantized=False, bias=False)
            yield Case(f"{activations}s8s32", call, f"MLAS{verdict}", repeats)
        if activations == "u8":
            call, output = bound(onnx_models.qlinear(problem, activations, repeats), problem, np.uint8)
            verdict = problem.verdict(output, zero_point(activations), bias=not is_gemm)
            yield Case("u8s8u8", call, f"MLAS{verdict}", repeats)


serve("onnxruntime", prepare)
