"""ONNX Runtime's own eight-bit version of a float ONNX file: QDQ, u8 activations, s8 weights per channel.

    python -m comparison.models.quantize FLOAT.onnx OUT.onnx

Calibrated with random input: speed does not depend on the values.
"""

import pathlib
import sys
import tempfile

import numpy as np
import onnx
from onnxruntime import quantization
from onnxruntime.quantization.shape_inference import quant_pre_process

SAMPLES = 4


class Noise(quantization.CalibrationDataReader):
    def __init__(self, model):
        value = onnx.load(model, load_external_data=False).graph.input[0]
        shape = [dim.dim_value or 1 for dim in value.type.tensor_type.shape.dim]
        random = np.random.default_rng(1)
        self.inputs = iter([{value.name: random.standard_normal(shape, dtype=np.float32)} for _ in range(SAMPLES)])

    def get_next(self):
        return next(self.inputs, None)


def quantize(model, out):
    with tempfile.TemporaryDirectory(dir=pathlib.Path(out).parent) as folder:
        prepared = f"{folder}/prepared.onnx"
        quant_pre_process(model, prepared, skip_symbolic_shape=True)
        quantization.quantize_static(
            prepared,
            out,
            Noise(model),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )


if __name__ == "__main__":
    quantize(*sys.argv[1:])
