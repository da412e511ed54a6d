"""Quantizes networks/mnist_cnn.onnx with ONNX Runtime: networks/mnist_cnn.onnxruntime.onnx.

Made with onnx 1.23 and onnxruntime 1.32: python other_tools.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quant_pre_process, quantize_static

NETWORKS = Path(__file__).parent / "networks"


class Noise(CalibrationDataReader):
    def __init__(self):
        random = np.random.default_rng(7)
        self.examples = iter([random.uniform(-1, 1, (1, 1, 28, 28)).astype(np.float32) for _ in range(8)])

    def get_next(self):
        example = next(self.examples, None)
        return None if example is None else {"input": example}


with TemporaryDirectory() as folder:
    simplified = Path(folder) / "simplified.onnx"
    quant_pre_process(str(NETWORKS / "mnist_cnn.onnx"), str(simplified))
    quantize_static(
        str(simplified),
        str(NETWORKS / "mnist_cnn.onnxruntime.onnx"),
        Noise(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
