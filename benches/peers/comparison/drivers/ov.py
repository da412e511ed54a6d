"""OpenVINO (its kernels are oneDNN's, and its own): a QDQ model of one operator, compiled; convolutions are NCHW."""

import numpy as np
import openvino

from . import onnx_models
from .problem import Problem, zero_point
from .serve import Case, Gemm, copies, serve

CORE = openvino.Core()
SETTINGS = {
    "INFERENCE_NUM_THREADS": 1,
    "NUM_STREAMS": 1,
    "PERFORMANCE_HINT": "LATENCY",
    "ENABLE_CPU_PINNING": False,
}


def prepare(shape):
    repeats = copies(shape)
    problem = Problem(shape)
    model = CORE.read_model(onnx_models.qdq(problem, "u8", repeats))
    compiled = CORE.compile_model(model, "CPU", SETTINGS)
    request = compiled.create_infer_request()
    image = problem.input if isinstance(shape, Gemm) else np.ascontiguousarray(problem.input.transpose(0, 3, 1, 2))
    request.set_input_tensor(openvino.Tensor(image))
    request.infer()
    output = request.get_output_tensor(0).data
    output = output if isinstance(shape, Gemm) else output.transpose(0, 2, 3, 1)
    verdict = problem.verdict(output, zero_point("u8"))
    yield Case("u8s8u8", request.infer, verdict.removeprefix(";"), repeats)


serve("openvino", prepare)
