"""Models of a few nodes."""

from __future__ import annotations

import numpy as np

from onnx_writer import model, node, value


def classifier(batch=None, seed=0) -> bytes:
    """A float network: two convolutions, a depthwise one, a pool and a product; `image` [batch, 3, 16, 16] to `scores` [batch, 10]."""
    rng = np.random.default_rng(seed)
    weights = lambda *shape: (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
    nodes = [
        node("Conv", ["image", "w1", "b1"], ["c1"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]),
        node("Relu", ["c1"], ["r1"]),
        node("Conv", ["r1", "w2"], ["c2"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], group=16),
        node("Relu", ["c2"], ["r2"]),
        node("Conv", ["r2", "w3", "b3"], ["c3"], kernel_shape=[1, 1]),
        node("GlobalAveragePool", ["c3"], ["p"]),
        node("Flatten", ["p"], ["f"], axis=1),
        node("Gemm", ["f", "w4", "b4"], ["scores"], transB=1),
    ]
    return model(
        nodes,
        [value("image", [batch, 3, 16, 16])],
        [value("scores", [batch, 10])],
        w1=weights(16, 3, 3, 3),
        b1=rng.standard_normal(16).astype(np.float32),
        w2=weights(16, 1, 3, 3),
        w3=weights(24, 16, 1, 1),
        b3=rng.standard_normal(24).astype(np.float32),
        w4=weights(10, 24),
        b4=rng.standard_normal(10).astype(np.float32),
    )


def images(count, seed=1):
    """Inputs of the classifier."""
    return np.random.default_rng(seed).standard_normal((count, 3, 16, 16)).astype(np.float32)


def sums() -> bytes:
    """Two inputs and two outputs of any length: `a + b` and `a · b`."""
    nodes = [node("Add", ["a", "b"], ["sum"]), node("Mul", ["a", "b"], ["product"])]
    both = [value("a", [None]), value("b", [None])]
    return model(nodes, both, [value("sum", [None]), value("product", [None])])


def unbounded() -> bytes:
    """A network of whose activations nothing is known without examples: what it multiplies is divided first."""
    weights = np.random.default_rng(3).standard_normal((8, 8)).astype(np.float32)
    nodes = [node("Div", ["a", "b"], ["c"]), node("MatMul", ["c", "w"], ["y"])]
    both = [value("a", [None, 8]), value("b", [None, 8])]
    return model(nodes, both, [value("y", [None, 8])], w=weights)


def unary(op: str, dtype: str = "float32", **attributes) -> bytes:
    """One node on `x` of any length."""
    return model([node(op, ["x"], ["y"], **attributes)], [value("x", [None], dtype)], [value("y", [None], dtype)])
