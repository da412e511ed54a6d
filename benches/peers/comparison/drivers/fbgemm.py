"""FBGEMM, through torch's quantized operators: linear, and conv2d in channels-last memory."""

import warnings

import torch

from .problem import ACTIVATION_SCALE, OUTPUT_SCALE, WEIGHT_SCALE, Problem, zero_point
from .serve import Case, Gemm, copies, serve

# Silence the deprecation warnings of these operators.
warnings.simplefilter("ignore")
torch.set_num_threads(1)
torch.backends.quantized.engine = "fbgemm"


class Repeated(torch.nn.Module):
    """The operator, repeated in TorchScript: a call from Python costs microseconds."""

    def __init__(self, packed, repeats: int):
        super().__init__()
        self.packed = packed
        self.repeats = repeats
        self.scale = OUTPUT_SCALE
        self.zero = zero_point("u8")


class Linear(Repeated):
    def forward(self, x):
        y = torch.ops.quantized.linear(x, self.packed, self.scale, self.zero)
        for _ in range(self.repeats - 1):
            y = torch.ops.quantized.linear(x, self.packed, self.scale, self.zero)
        return y


class Convolution(Repeated):
    def forward(self, x):
        y = torch.ops.quantized.conv2d(x, self.packed, self.scale, self.zero)
        for _ in range(self.repeats - 1):
            y = torch.ops.quantized.conv2d(x, self.packed, self.scale, self.zero)
        return y


def quantized_weights(weights):
    channels = len(weights)
    scales = torch.full((channels,), WEIGHT_SCALE, dtype=torch.double)
    zeros = torch.zeros(channels, dtype=torch.long)
    return torch._make_per_channel_quantized_tensor(torch.from_numpy(weights.copy()), scales, zeros, 0)


def prepare(shape):
    repeats = copies(shape)
    problem = Problem(shape)
    bias = torch.from_numpy(problem.bias * ACTIVATION_SCALE * WEIGHT_SCALE).float()
    image = torch._make_per_tensor_quantized_tensor(torch.from_numpy(problem.input), ACTIVATION_SCALE, zero_point("u8"))
    if isinstance(shape, Gemm):
        packed = torch.ops.quantized.linear_prepack(quantized_weights(problem.weights.T), bias)
        module = torch.jit.script(Linear(packed, repeats))
    else:
        # NHWC memory, viewed as NCHW.
        image = image.permute(0, 3, 1, 2)
        window = [[shape.stride] * 2, [shape.padding] * 2, [1, 1], shape.groups]
        packed = torch.ops.quantized.conv2d_prepack(quantized_weights(problem.weights), bias, *window)
        module = torch.jit.script(Convolution(packed, repeats))
    with torch.inference_mode():
        output = module(image).int_repr()
    output = output if isinstance(shape, Gemm) else output.permute(0, 2, 3, 1)

    def call():
        # TorchScript's optimizer would merge the repetitions.
        with torch.inference_mode(), torch.jit.optimized_execution(False):
            module(image)

    verdict = problem.verdict(output.numpy(), zero_point("u8"))
    yield Case("u8s8u8", call, verdict.removeprefix(";"), repeats)


serve("fbgemm", prepare)
