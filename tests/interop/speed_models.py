"""Writes float networks with random weights, and single operators, for `speed.py`: times do not depend on what weights say.

    python tests/interop/speed_models.py FOLDER
"""

import argparse
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RANDOM = np.random.default_rng(0)


class Network:
    """A network from `x` to `y` that grows node by node."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def weights(self, *shape):
        fan = max(int(np.prod(shape[1:])), 1)
        values = (RANDOM.standard_normal(shape) * np.sqrt(2 / fan)).astype(np.float32)
        return self.constant(values)

    def constant(self, values):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(self, op, inputs, **attributes):
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def conv(self, x, inputs, outputs, kernel, stride=1, groups=1):
        return self.node(
            "Conv",
            [x, self.weights(outputs, inputs // groups, kernel, kernel), self.weights(outputs)],
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=[kernel // 2] * 4,
            group=groups,
        )

    def save(self, path, shape, opset=13):
        self.nodes[-1].output[0] = "y"
        value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        graph = helper.make_graph(self.nodes, path.stem, [value("x", shape)], [value("y", None)], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)], ir_version=8)
        onnx.save(onnx.shape_inference.infer_shapes(model, strict_mode=True), path)


def resnet50(folder):
    """He et al. 2015, "Deep residual learning", table 1; the stride of a block is that of its 3×3 convolution."""
    net = Network()
    x = net.node("Relu", [net.conv("x", 3, 64, 7, 2)])
    x = net.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    inputs = 64
    for stage, (middle, blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)]):
        for block in range(blocks):
            stride = 2 if stage and block == 0 else 1
            y = net.node("Relu", [net.conv(x, inputs, middle, 1)])
            y = net.node("Relu", [net.conv(y, middle, middle, 3, stride)])
            y = net.conv(y, middle, 4 * middle, 1)
            x = net.conv(x, inputs, 4 * middle, 1, stride) if block == 0 else x
            x = net.node("Relu", [net.node("Add", [y, x])])
            inputs = 4 * middle
    x = net.node("Flatten", [net.node("GlobalAveragePool", [x])])
    net.node("Gemm", [x, net.weights(1000, 2048), net.weights(1000)], transB=1)
    net.save(folder / "resnet50.onnx", [1, 3, 224, 224])


def mobilenet_v1(folder):
    """Howard et al. 2017, "MobileNets", table 1."""
    net = Network()
    bounds = [net.constant(np.float32(bound)) for bound in (0, 6)]
    clipped = lambda x: net.node("Clip", [x, *bounds])
    x, inputs = clipped(net.conv("x", 3, 32, 3, 2)), 32
    blocks = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for outputs, stride in blocks:
        x = clipped(net.conv(x, inputs, inputs, 3, stride, inputs))
        x, inputs = clipped(net.conv(x, inputs, outputs, 1)), outputs
    x = net.node("Flatten", [net.conv(net.node("GlobalAveragePool", [x]), 1024, 1001, 1)])
    net.node("Softmax", [x], axis=1)
    net.save(folder / "mobilenet_v1.onnx", [1, 3, 224, 224])


def single(folder, name, shape, op, inputs=(), opset=13, **attributes):
    """A network of one operator, whose other inputs are arrays or shapes of weights."""
    net = Network()
    constant = lambda of: net.weights(*of) if isinstance(of, tuple) else net.constant(of)
    net.node(op, ["x", *map(constant, inputs)], **attributes)
    net.save(folder / f"{name}.onnx", shape, opset)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where to write the models")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    resnet50(folder)
    mobilenet_v1(folder)
    single(folder, "softmax_attention", [12, 197, 197], "Softmax", axis=-1)
    single(folder, "softmax_channels", [1, 21, 128, 128], "Softmax", axis=1)
    single(folder, "sigmoid", [1, 64, 80, 80], "Sigmoid")
    single(folder, "tanh", [1, 64, 80, 80], "Tanh")
    single(folder, "depth_to_space", [1, 64, 112, 112], "DepthToSpace", blocksize=2)
    single(folder, "space_to_depth", [1, 16, 224, 224], "SpaceToDepth", blocksize=2)
    single(folder, "lstm", [50, 1, 128], "LSTM", [(1, 1024, 128), (1, 1024, 256), (1, 2048)], hidden_size=256)
    single(folder, "gru", [50, 1, 128], "GRU", [(1, 768, 128), (1, 768, 256), (1, 1536)], hidden_size=256)
    tokens = [1, 197, 768]
    single(folder, "layer_normalization", tokens, "LayerNormalization", [(768,), (768,)], 17)
    single(folder, "mean_of_rows", tokens, "ReduceMean", axes=[-1])
    single(folder, "square", tokens, "Pow", [np.float32(2)])
    single(folder, "transpose_heads", [1, 197, 12, 64], "Transpose", perm=[0, 2, 1, 3])
    single(folder, "scores", [12, 197, 64], "FusedMatMul", [(12, 197, 64)], domain="com.microsoft", transB=1)
    single(folder, "log_softmax", [128, 1000], "LogSoftmax", axis=-1)
    for op, opset in [("Gelu", 20), ("Exp", 13), ("Sqrt", 13), ("Mish", 18), ("HardSwish", 14)]:
        single(folder, op.lower(), [1, 197, 3072], op, opset=opset)
    image = [1, 32, 128, 128]
    single(folder, "instance_normalization", image, "InstanceNormalization", [(32,), (32,)])
    ranges = [np.array(bounds) for bounds in ([1, 1], [100, 100], [2, 3])]
    single(folder, "slice", image, "Slice", ranges)


if __name__ == "__main__":
    main()
