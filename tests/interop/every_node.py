"""Compares every output of every node of an eight-bit graph with TensorFlow's, bit for bit: of a file, or of drawn chains of operators.

Exit status 1 if any differs. Each graph also runs with some of the outputs alone, for then nodes between them are computed together.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
from urllib.parse import unquote

import numpy as np
import tensorflow.compat.v1 as tf

BYTES = {tf.quint8: tf.uint8, tf.qint8: tf.int8, tf.qint32: tf.int32}


class Chains:
    """Operators on bytes, one behind the other; weights and ranges are drawn."""

    def __init__(self, seed, chains=25, steps=6):
        self.random = np.random.default_rng(seed)
        kinds = [self.added, self.biased, self.multiplied, self.convolved, self.clamped, self.pooled, self.float, self.float]
        with tf.Graph().as_default() as graph:
            x = tf.placeholder(tf.float32, (1, 9, 11, 16), name="x")
            for _ in range(chains):
                codes = self.quantized(x * np.float32(10 ** self.random.uniform(-3, 3)) + np.float32(self.random.normal()))
                for _ in range(steps):
                    codes = kinds[self.random.integers(len(kinds))](*codes)
        self.definition = graph.as_graph_def()
        self.input = self.random.normal(size=(1, 9, 11, 16)).astype(np.float32)

    def constant(self, *shape):
        """Bytes and their range. TensorFlow makes no constants of quantized types from arrays."""
        bytes = tf.bitcast(tf.constant(self.random.integers(0, 256, shape).astype(np.uint8)), tf.quint8)
        low, high = (np.float32(abs(self.random.normal()) * 10 ** self.random.uniform(-2, 1)) for _ in range(2))
        return bytes, tf.constant(-low), tf.constant(high)

    def quantized(self, x):
        ends = [reduce(tf.reshape(x, [-1]), [0]) for reduce in (tf.reduce_min, tf.reduce_max)]
        return tf.raw_ops.QuantizeV2(input=x, min_range=ends[0], max_range=ends[1], T=tf.quint8, mode="MIN_FIRST")

    def requantized(self, codes):
        given = {"input": codes[0], "input_min": codes[1], "input_max": codes[2]}
        ends = tf.raw_ops.RequantizationRange(**given)
        return tf.raw_ops.Requantize(**given, requested_output_min=ends[0], requested_output_max=ends[1], out_type=tf.quint8)

    def pair(self, operator, x, low, high):
        y = self.constant(x.shape[-1])
        return self.requantized(operator(x=x, y=y[0], min_x=low, max_x=high, min_y=y[1], max_y=y[2]))

    def added(self, *codes):
        return self.pair(tf.raw_ops.QuantizedAdd, *codes)

    def multiplied(self, *codes):
        return self.pair(tf.raw_ops.QuantizedMul, *codes)

    def biased(self, x, low, high):
        bias = self.constant(x.shape[-1])
        return self.requantized(tf.raw_ops.QuantizedBiasAdd(
            input=x, bias=bias[0], min_input=low, max_input=high, min_bias=bias[1], max_bias=bias[2], out_type=tf.qint32))

    def convolved(self, x, low, high):
        size = int(self.random.choice([1, 3]))
        w = self.constant(size, size, x.shape[-1], int(self.random.integers(1, 70)))
        return self.requantized(tf.raw_ops.QuantizedConv2D(
            input=x, filter=w[0], min_input=low, max_input=high, min_filter=w[1], max_filter=w[2], strides=[1, 1, 1, 1],
            padding="SAME"))

    def clamped(self, x, low, high):
        operator = [tf.raw_ops.QuantizedRelu, tf.raw_ops.QuantizedRelu6][self.random.integers(2)]
        return operator(features=x, min_features=low, max_features=high, out_type=tf.quint8)

    def pooled(self, x, low, high):
        return tf.raw_ops.QuantizedAvgPool(input=x, min_input=low, max_input=high, ksize=[1, 3, 3, 1], strides=[1, 1, 1, 1],
                                           padding="SAME")

    def float(self, x, low, high):
        x = tf.raw_ops.Dequantize(input=x, min_range=low, max_range=high, mode="MIN_FIRST")
        weights = 0.4 * self.random.normal(size=(3, 3, x.shape[-1], 1))
        return self.quantized(tf.nn.depthwise_conv2d(x, weights.astype(np.float32), [1, 1, 1, 1], "SAME"))


def constants_of_bits(definition):
    """Constants of bytes instead of `Bitcast` nodes on constants."""
    by_name = {node.name: node for node in definition.node}
    for node in definition.node:
        if node.op == "Bitcast" and by_name[node.input[0]].op == "Const":
            value = by_name[node.input[0]].attr["value"]
            dtype = node.attr["type"].type
            node.op = "Const"
            del node.input[:]
            node.attr.clear()
            node.attr["dtype"].type = dtype
            node.attr["value"].CopyFrom(value)
            node.attr["value"].tensor.dtype = dtype


def expected(definition, feed):
    """Every output of every node but constants, and its value."""
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(definition, name="")
        tensors = [tensor for operation in graph.get_operations() if operation.type not in ("Const", "Placeholder", "Bitcast")
                   for tensor in operation.outputs if tensor.dtype in BYTES or tensor.dtype == tf.float32]
        config = tf.ConfigProto()
        config.graph_options.rewrite_options.disable_meta_optimizer = True
        with tf.Session(graph=graph, config=config) as session:
            return list(zip(tensors, session.run(tensors, feed)))


def differing(options, definition, pairs, array):
    """The names of the outputs that are not TensorFlow's."""
    graph, out = tf.GraphDef(), options.work / "every_node"
    graph.CopyFrom(definition)
    for index, (tensor, _) in enumerate(pairs):
        node = graph.node.add(name=f"tap{index}", op="Bitcast" if tensor.dtype in BYTES else "Identity", input=[tensor.name])
        node.attr["T"].type = tensor.dtype.as_datatype_enum
        if tensor.dtype in BYTES:
            node.attr["type"].type = BYTES[tensor.dtype].as_datatype_enum
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    (out / "graph.pb").write_bytes(graph.SerializeToString())
    np.save(out / "x.npy", array)
    subprocess.run([options.program, "run", out / "graph.pb", "--input", out / "x.npy", "--output-dir", out / "found"], check=True,
                   stdout=subprocess.DEVNULL)
    found = {unquote(path.stem): np.load(path) for path in (out / "found").iterdir()}
    return [tensor.name for index, (tensor, value) in enumerate(pairs)
            if not np.array_equal(found[f"tap{index}"], np.asarray(value).astype(found[f"tap{index}"].dtype))]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--program", type=pathlib.Path, default="target/release/eightbit")
    arguments.add_argument("--work", type=pathlib.Path, required=True)
    arguments.add_argument("--graph", type=pathlib.Path, help="a graph with one placeholder; else chains are drawn")
    arguments.add_argument("--shape", default="1,224,224,3")
    arguments.add_argument("--seeds", type=int, default=4)
    options = arguments.parse_args()
    wrong = 0
    for seed in range(options.seeds):
        random = np.random.default_rng(seed)
        if options.graph:
            definition = tf.GraphDef.FromString(options.graph.read_bytes())
            array = random.uniform(-1, 1, tuple(map(int, options.shape.split(",")))).astype(np.float32)
        else:
            chains = Chains(seed)
            definition, array = chains.definition, chains.input
        constants_of_bits(definition)
        placeholder = next(node.name for node in definition.node if node.op == "Placeholder")
        pairs = expected(definition, {f"{placeholder}:0": array})
        some = [pair for pair in pairs if pair[0].dtype != tf.qint32 and random.random() < 0.2]
        names = sorted({*differing(options, definition, pairs, array), *differing(options, definition, some, array)})
        print(f"seed {seed}: {len(pairs)} outputs, {len(names)} differ", *names[:5])
        wrong += len(names)
    sys.exit(wrong > 0)


main()
