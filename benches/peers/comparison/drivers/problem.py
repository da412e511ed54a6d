"""The numbers that drivers multiply, over their types' whole ranges, and the expected results.

Sums are computed in float64, where they are exact. A requantized result may be off by one step, since libraries round
differently; a sum that is wrong is off by more.
"""

import numpy as np

from .serve import Gemm

ACTIVATION_SCALE, WEIGHT_SCALE, OUTPUT_SCALE = 0.02, 0.01, 2.0
# Rows of a product, or pixels of a convolution, that are compared.
CHECKED = 48


def zero_point(types):
    """Of activations and outputs that are u8 or s8."""
    return 128 if types == "u8" else 3


class Problem:
    def __init__(self, shape, activations="u8"):
        random = np.random.default_rng(1)
        self.shape, self.activations = shape, activations
        low, high = (0, 256) if activations == "u8" else (-128, 128)
        kind = np.uint8 if activations == "u8" else np.int8
        if isinstance(shape, Gemm):
            size, weights, self.channels = (shape.m, shape.k), (shape.k, shape.n), shape.n
        else:
            # Images are NHWC, weights OIHW.
            size = (1, shape.side, shape.side, shape.inputs)
            weights = (shape.outputs, shape.inputs // shape.groups, shape.kernel, shape.kernel)
            self.channels = shape.outputs
        self.input = random.integers(low, high, size, dtype=kind)
        self.weights = random.integers(-128, 128, weights, dtype=np.int8)
        self.bias = random.integers(-1000, 1000, self.channels, dtype=np.int32)
        self.random = random

    def rows(self, count):
        """The compared rows of the output, viewed as a matrix with a column for each channel."""
        return np.arange(count) if count <= CHECKED else np.sort(self.random.choice(count, CHECKED, replace=False))

    def sums(self, rows, zero):
        shape = self.shape
        weights = self.weights.astype(np.float64)
        if isinstance(shape, Gemm):
            return (self.input[rows].astype(np.float64) - zero) @ weights
        reach, stride = shape.kernel, shape.stride
        border = ((shape.padding, shape.padding),) * 2 + ((0, 0),)
        image = np.pad(self.input[0].astype(np.float64) - zero, border)
        corners = [(row // shape.out_side * stride, row % shape.out_side * stride) for row in rows]
        patches = np.stack([image[y : y + reach, x : x + reach] for y, x in corners])
        patches = patches.reshape(len(rows), reach, reach, shape.groups, -1)
        weights = weights.reshape(shape.groups, -1, *weights.shape[1:])
        return np.einsum("pyxgi,goiyx->pgo", patches, weights).reshape(len(rows), -1)

    def verdict(self, output, zero, requantized=True, bias=True):
        """A note if an output (channels last) of activations with this zero point is wrong."""
        output = np.asarray(output).reshape(-1, self.channels)
        rows = self.rows(len(output))
        found = output[rows].astype(np.float64)
        sums = self.sums(rows, zero) + (self.bias if bias else 0)
        if requantized:
            low, high = np.iinfo(output.dtype).min, np.iinfo(output.dtype).max
            own_zero = zero_point("u8" if output.dtype == np.uint8 else "s8")
            expected = np.clip(np.rint(sums * (ACTIVATION_SCALE * WEIGHT_SCALE / OUTPUT_SCALE)) + own_zero, low, high)
            wrong = np.abs(found - expected) > 1
        else:
            wrong = found != sums
        return f";{wrong.sum()} of {wrong.size} sums are wrong" if wrong.any() else ""
