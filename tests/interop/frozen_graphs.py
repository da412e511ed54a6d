"""Does this project compute what TensorFlow computes, from the same frozen graphs?

* For every operator that is imported, small graphs with random weights: each output within 1e-4 of its range.
* With --graph FILE, a whole network on random inputs: a frozen graph, or a model.json of tfjs.

Exit status 1 if anything differs. Operators that the graph library does not implement are listed apart.
Run with TF_ENABLE_ONEDNN_OPTS=0: with it, TensorFlow's own float results are off by percents on some networks.
"""

import argparse
import pathlib
import re
import subprocess
import sys

import numpy as np
import tensorflow.compat.v1 as tf

import tfjs

TOLERANCE = 1e-4
failures, missing = [], []
random = np.random.default_rng(7)


def weights(*shape):
    return tf.constant(random.uniform(-1, 1, shape).astype(np.float32))


def image(*shape):
    return [("x", random.uniform(-1, 1, shape).astype(np.float32))]


def strides(s):
    return [1, s, s, 1]


def conv(size, stride, padding, k=3, dilation=1):
    def build(x):
        return tf.nn.conv2d(x, weights(k, k, 4, 6), strides(stride), padding, dilations=strides(dilation))
    return image(2, size, size + 1, 4), build


def depthwise(size, stride, padding, multiplier=1):
    def build(x):
        return tf.nn.depthwise_conv2d(x, weights(3, 3, 4, multiplier), strides(stride), padding)
    return image(1, size, size, 4), build


def unary(op, low=-3.0, high=3.0):
    x = random.uniform(low, high, (2, 5, 4, 3)).astype(np.float32)
    return [("x", x)], lambda x: op(x)


def binary(op, other=(3,)):
    return image(2, 5, 4, 3), lambda x: op(x, weights(*other))


def batch_norm(x):
    c = x.shape[-1]
    variance = tf.abs(weights(c)) + 0.1
    y, _, _ = tf.nn.fused_batch_norm(x, weights(c), weights(c), weights(c), variance, epsilon=0.01, is_training=False)
    return y


def residual(x):
    y = tf.nn.relu6(tf.nn.bias_add(tf.nn.conv2d(x, weights(3, 3, 4, 4), strides(1), "SAME"), weights(4)))
    s = tf.reduce_mean(y, [1, 2], keepdims=True)
    s = tf.sigmoid(tf.nn.conv2d(s, weights(1, 1, 4, 4), strides(1), "SAME"))
    y = tf.concat([y * s + x, tf.nn.max_pool(x, strides(3), strides(1), "SAME")], 3)
    y = tf.pad(y, [[0, 0], [1, 2], [0, 1], [0, 0]])
    y = tf.nn.avg_pool(tf.nn.conv2d(y, weights(3, 3, 8, 5), strides(2), "VALID"), strides(2), strides(2), "SAME")
    return tf.nn.softmax(tf.matmul(tf.reshape(tf.reduce_mean(y, [1, 2]), [-1, 5]), weights(5, 7)))


def old_cond(x):
    training = tf.constant(False)
    off, on = tf.raw_ops.Switch(data=x, pred=training)
    return tf.raw_ops.Merge(inputs=[tf.nn.relu(off), tf.exp(on)]).output


def shapes(x):
    s = tf.shape(x)
    return tf.reshape(x, tf.stack([s[0], s[1] * s[2], -1]))


def deconv(x):
    return tf.nn.conv2d_transpose(x, weights(3, 3, 5, 4), [1, 14, 13, 5], strides(2), "SAME")


def resize(method, **kwargs):
    def build(x):
        return getattr(tf.raw_ops, method)(images=x, size=[11, 13], **kwargs)
    return image(1, 6, 5, 3), build


def atrous(x):
    return tf.nn.atrous_conv2d(x, weights(3, 3, 4, 5), 2, "SAME")


def fake_quantize(x):
    w = tf.quantization.fake_quant_with_min_max_vars(weights(3, 3, 4, 5), -1.1, 0.9, narrow_range=True)
    x = tf.quantization.fake_quant_with_min_max_args(x, -1.0, 1.0)
    return tf.nn.conv2d(x, w, strides(1), "SAME")


def nms(x):
    boxes = tf.constant(random.uniform(0, 1, (20, 4)).astype(np.float32))
    return tf.image.non_max_suppression(boxes, tf.reshape(x, [20]), 5, 0.4, 0.1)


def cases():
    for size in (7, 8):
        for stride in (1, 2, 3):
            for padding in ("SAME", "VALID"):
                yield f"Conv2D {size} {stride} {padding}", *conv(size, stride, padding)
                yield f"DepthwiseConv2dNative {size} {stride} {padding}", *depthwise(size, stride, padding)
    yield "Conv2D even kernel", *conv(8, 2, "SAME", k=2)
    yield "Conv2D dilated", *conv(9, 1, "SAME", dilation=2)
    yield "Conv2D explicit", *conv(9, 2, [[0, 0], [1, 2], [0, 1], [0, 0]])
    yield "DepthwiseConv2dNative multiplier", *depthwise(7, 1, "SAME", 2)
    yield "SpaceToBatchND", image(1, 9, 9, 4), atrous
    yield "Conv2DBackpropInput", image(1, 7, 7, 4), deconv
    for stride, size in ((1, 9), (2, 15), (2, 16), (3, 22)):
        yield f"Conv2DBackpropInput VALID {stride} {size}", image(1, 7, 7, 4), \
            lambda x, s=stride, n=size: tf.nn.conv2d_transpose(x, weights(3, 3, 5, 4), [1, n, n, 5], strides(s), "VALID")
    yield "FusedBatchNormV3", image(2, 4, 5, 3), batch_norm
    for name in ("Relu", "Relu6", "Elu", "Selu", "Softplus", "Softsign", "Sigmoid", "Tanh", "Exp", "Square", "Abs", "Neg",
                 "Floor", "Ceil", "Sign", "Sin", "Cos", "Erf"):
        op = getattr(tf.raw_ops, name)
        key = "features" if name in ("Relu", "Relu6", "Elu", "Selu", "Softplus", "Softsign") else "x"
        yield name, *unary(lambda x, op=op, key=key: op(**{key: x}))
    for name in ("Rsqrt", "Sqrt", "Log", "Reciprocal"):
        yield name, *unary(lambda x, op=getattr(tf.raw_ops, name): op(x=x), 0.1, 4.0)
    yield "LeakyRelu", *unary(lambda x: tf.nn.leaky_relu(x, 0.1))
    yield "Round", *unary(lambda x: tf.round(x * 2) / 2)
    for name in ("Add", "AddV2", "Sub", "Mul", "RealDiv", "Maximum", "Minimum", "SquaredDifference", "FloorDiv", "FloorMod",
                 "DivNoNan"):
        op = getattr(tf.raw_ops, name)
        yield name, *binary(lambda x, y, op=op: op(x=x, y=y))
        yield f"{name} image", *binary(lambda x, y, op=op: op(x=x, y=y), (5, 4, 1))
    for name in ("Greater", "GreaterEqual", "Less", "LessEqual", "Equal", "NotEqual"):
        op = getattr(tf.raw_ops, name)
        yield name, *binary(lambda x, y, op=op: tf.cast(op(x=x, y=y), tf.float32))
    yield "Pow", *unary(lambda x: tf.pow(x, 2.5), 0.1, 2)
    yield "AddN", image(2, 3), lambda x: tf.add_n([x, x * 2, weights(2, 3)])
    yield "SelectV2", image(2, 3, 4), lambda x: tf.where_v2(x > 0, x, weights(4))
    yield "SelectV2 of constants", image(2, 3, 4), lambda x: tf.where_v2(tf.less(weights(3, 1), 0.0), x, tf.zeros_like(x))
    yield "Select", image(2, 3), lambda x: tf.raw_ops.Select(condition=x > 0, x=x, y=x * 2)
    yield "LogicalAnd", image(2, 3), lambda x: tf.cast(tf.logical_and(x > -0.5, tf.logical_not(x > 0.5)), tf.float32)
    yield "LogicalOr", image(2, 3), lambda x: tf.cast(tf.logical_or(x < -0.5, tf.equal(x, 0.5)), tf.float32)
    yield "Cast", image(2, 9), lambda x: tf.cast(tf.cast(x * 5, tf.int32), tf.float32)
    yield "PlaceholderWithDefault", image(2, 3), lambda x: x * tf.placeholder_with_default(weights(3), [3])
    yield "ClipByValue", image(2, 3), lambda x: tf.clip_by_value(x, -0.5, 0.25)
    yield "LRN", image(1, 4, 5, 9), lambda x: tf.nn.lrn(x, 2, 1.0, 0.3, 0.75)
    for padding in ("SAME", "VALID"):
        for k, s in ((3, 2), (2, 2), (3, 1)):
            yield f"MaxPool {padding} {k} {s}", image(1, 8, 7, 3), \
                lambda x, k=k, s=s, p=padding: tf.nn.max_pool(x, strides(k), strides(s), p)
            yield f"AvgPool {padding} {k} {s}", image(1, 8, 7, 3), \
                lambda x, k=k, s=s, p=padding: tf.nn.avg_pool(x, strides(k), strides(s), p)
    for name in ("reduce_mean", "reduce_sum", "reduce_max", "reduce_min", "reduce_prod"):
        op = getattr(tf, name)
        yield name, image(2, 4, 5, 3), lambda x, op=op: op(x, [1, 2])
        yield f"{name} keep", image(2, 4, 5, 3), lambda x, op=op: op(x, [-1], keepdims=True)
    yield "ArgMax", image(2, 4, 5), lambda x: tf.cast(tf.argmax(x, -1), tf.float32)
    yield "ArgMin", image(2, 4, 5), lambda x: tf.cast(tf.argmin(x, 1, output_type=tf.int32), tf.float32)
    yield "ConcatV2", image(2, 4), lambda x: tf.concat([x, weights(2, 3), x], 1)
    yield "Pad", image(2, 4, 5, 3), lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 1], [0, 0]])
    yield "PadV2", image(2, 4), lambda x: tf.pad(x, [[1, 0], [0, 2]], constant_values=0.5)
    yield "MirrorPad", image(2, 4, 5, 3), lambda x: tf.pad(x, [[0, 0], [1, 2], [0, 1], [0, 0]], mode="REFLECT")
    yield "Squeeze", image(2, 1, 1, 5), lambda x: tf.squeeze(x, [1, 2])
    yield "ExpandDims", image(2, 5), lambda x: tf.expand_dims(x, -1)
    yield "Reshape", image(2, 4, 5), lambda x: tf.reshape(x, [2, -1])
    yield "Shape", image(2, 4, 5, 3), shapes
    yield "Transpose", image(2, 4, 5, 3), lambda x: tf.transpose(x, [3, 0, 2, 1])
    yield "MatMul", image(3, 5), lambda x: tf.matmul(x, weights(4, 5), transpose_b=True)
    yield "BatchMatMulV2", image(2, 3, 5), lambda x: tf.matmul(x, weights(2, 5, 4))
    for left, right in ((True, False), (False, True), (True, True)):
        a, b = (2, 5, 3) if left else (2, 3, 5), (2, 4, 5) if right else (2, 5, 4)
        yield f"BatchMatMulV2 adjoint {left} {right}", image(*a), \
            lambda x, b=b, l=left, r=right: tf.matmul(x, weights(*b), adjoint_a=l, adjoint_b=r)
    yield "MatMul transposed", image(5, 3), lambda x: tf.matmul(x, weights(5, 4), transpose_a=True)
    yield "Einsum", image(2, 3, 5), lambda x: tf.einsum("abc,cd->abd", x, weights(5, 4))
    yield "Softmax", image(3, 5), lambda x: tf.nn.softmax(x)
    yield "LogSoftmax", image(3, 5), lambda x: tf.nn.log_softmax(x)
    yield "Split", image(2, 6), lambda x: tf.add(*tf.split(x, 2, 1))
    yield "SplitV", image(2, 6), lambda x: tf.split(x, [2, 4], 1)[1]
    yield "Unpack", image(2, 6), lambda x: tf.add(*tf.unstack(x, 2, 0))
    yield "Pack", image(2, 6), lambda x: tf.stack([x, x * 2], -1)
    yield "GatherV2", image(4, 6), lambda x: tf.gather(x, [1, 3, 3], axis=1)
    yield "GatherV2 of a constant", image(4), lambda x: tf.gather(weights(9, 3), tf.cast(tf.abs(x) * 8, tf.int32))
    yield "GatherNd", image(4, 6), lambda x: tf.gather_nd(x, [[1, 2], [3, 5]])
    yield "GatherNd rows", image(4, 6), lambda x: tf.gather_nd(x, [[1], [3]])
    yield "OneHot", image(4), lambda x: tf.one_hot(tf.cast(x * 6, tf.int32), 5, 2.0, -1.0)
    yield "OneHot axis", image(4, 3), lambda x: tf.one_hot(tf.cast(tf.abs(x) * 6, tf.int64), 5, axis=1)
    yield "Size", image(4, 6), lambda x: x / tf.cast(tf.size(x), tf.float32)
    yield "Rank", image(4, 6), lambda x: x / tf.cast(tf.rank(x), tf.float32)
    yield "Slice", image(4, 6), lambda x: tf.slice(x, [1, 2], [2, -1])
    yield "StridedSlice", image(4, 6, 5), lambda x: x[1:, ::-2, -1]
    yield "StridedSlice ellipsis", image(4, 6, 5), lambda x: x[..., 1:3]
    yield "StridedSlice new axis", image(4, 6, 5), lambda x: x[:, None, 1:3]
    yield "StridedSlice image", image(1, 6, 5, 4), lambda x: tf.nn.relu(x[:, ::2, 1:, ::-1])
    yield "Tile", image(2, 3), lambda x: tf.tile(x, [2, 3])
    yield "Fill", image(2, 3), lambda x: x + tf.fill([2, 3], 0.5)
    yield "Range", image(4), lambda x: x + tf.cast(tf.range(4), tf.float32)
    yield "BroadcastTo", image(4, 1), lambda x: tf.broadcast_to(x, [2, 4, 3])
    yield "Cumsum", image(2, 5), lambda x: tf.cumsum(x, 1)
    yield "Cumsum exclusive", image(2, 5), lambda x: tf.cumsum(x, 0, exclusive=True, reverse=True)
    yield "ReverseV2", image(2, 5, 3), lambda x: tf.reverse(x, [1, -1])
    yield "ZerosLike", image(2, 5), lambda x: x + tf.ones_like(x) - tf.zeros_like(x)
    yield "All", image(2, 5), lambda x: tf.cast(tf.reduce_all(x > -0.5, 1), tf.float32)
    yield "Any", image(2, 5), lambda x: tf.cast(tf.reduce_any(x > 0.5, 1), tf.float32)
    yield "TopKV2", image(2, 9), lambda x: tf.nn.top_k(x, 3).values
    yield "TopKV2 indices", image(2, 9), lambda x: tf.cast(tf.nn.top_k(x, 3).indices, tf.float32)
    yield "DepthToSpace", image(1, 3, 4, 12), lambda x: tf.nn.depth_to_space(x, 2)
    yield "SpaceToDepth", image(1, 4, 6, 3), lambda x: tf.nn.space_to_depth(x, 2)
    yield "NonMaxSuppressionV3", image(20), lambda x: tf.cast(nms(x), tf.float32)
    for name in ("ResizeBilinear", "ResizeNearestNeighbor"):
        yield f"{name} legacy", *resize(name)
        yield f"{name} corners", *resize(name, align_corners=True)
        yield f"{name} centers", *resize(name, half_pixel_centers=True)
    yield "ResizeBilinear smaller", image(1, 11, 13, 3), \
        lambda x: tf.raw_ops.ResizeBilinear(images=x, size=[5, 6], half_pixel_centers=True)
    yield "Resize by shape", image(1, 6, 5, 3), lambda x: tf.raw_ops.ResizeBilinear(images=x, size=tf.shape(x)[1:3] * 2)
    yield "FakeQuant", image(1, 6, 6, 4), fake_quantize
    yield "CheckNumerics", image(2, 3), lambda x: tf.stop_gradient(tf.debugging.check_numerics(x, "x"))
    yield "Switch", image(2, 3), old_cond
    yield "residual block", image(1, 9, 9, 4), residual


def frozen(inputs, build):
    """The graph, and its outputs from TensorFlow."""
    tf.disable_control_flow_v2()
    with tf.Graph().as_default() as graph, tf.Session() as session:
        tensors = [tf.placeholder(value.dtype, value.shape, name) for name, value in inputs]
        output = tf.identity(build(*tensors), "y")
        result = session.run(output, dict(zip(tensors, (value for _, value in inputs))))
        return graph.as_graph_def(), np.asarray(result)


def run(program, graph, inputs, work):
    """The output of this project; None if an operator is missing."""
    arguments = []
    for name, value in inputs:
        np.save(work / f"{name}.npy", value)
        arguments += ["--input", f"{name}={work / name}.npy"]
    command = [program, "run", str(graph), *arguments, "--output-dir", str(work / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        found = re.search(r"unsupported operators?:? ?(.*)", done.stderr)
        return (None, found.group(1)) if found else (done.stderr.strip(), None)
    return np.load(work / "out" / "y.npy"), None


def compare(name, expected, found):
    # The range of a single number is its size.
    reach = max(float(np.ptp(expected)), float(np.max(np.abs(expected), initial=0)), 1e-6)
    if found.shape != expected.shape:
        failures.append(f"{name}: shape {found.shape}, TensorFlow's is {expected.shape}")
        return
    worst = float(np.max(np.abs(found.astype(np.float64) - expected), initial=0)) / reach
    if not worst <= TOLERANCE:
        failures.append(f"{name}: off by {worst:.2g} of the range")
    return worst


def operators(program, work, only):
    count = 0
    for index, (name, inputs, build) in enumerate(cases()):
        if only and only not in name:
            continue
        graph, expected = frozen(inputs, build)
        path = work / ("graph.pb" if index % 4 else "graph.pbtxt")
        path.write_bytes(graph.SerializeToString() if index % 4 else str(graph).encode())
        found, absent = run(program, path, inputs, work)
        count += 1
        if absent:
            missing.append(f"{name}: {absent}")
        elif isinstance(found, str):
            failures.append(f"{name}: {found}")
        elif found is not None:
            compare(name, expected, found)
    print(f"{count} graphs of single operators, {len(missing)} with operators that are not implemented")


def cut(program, path, work, cuts, names):
    """The graph from the tensor in `cuts` (name and shape) on, if there is one."""
    if not cuts:
        return path
    [(name, shape)] = cuts
    transforms = f'strip_unused_nodes(type=float, shape="{",".join(map(str, shape))}")'
    file = work / "cut.pb"
    subprocess.run([program, "transform-graph", f"--in_graph={path}", f"--out_graph={file}", f"--inputs={name}",
                    f"--outputs={','.join(names)}", f"--transforms={transforms}"], check=True)
    return file


def network(program, path, work, names, cuts, reach):
    if path.suffix == ".json":
        graph = tfjs.graph(path)
    else:
        graph = tf.GraphDef.FromString(path.read_bytes())
    with tf.Graph().as_default() as loaded, tf.Session() as session:
        tf.import_graph_def(graph, name="")
        placeholders = [op.outputs[0] for op in loaded.get_operations() if op.type == "Placeholder"]
        inputs = cuts or [(x.op.name, [1] if x.shape.rank is None else [d or 1 for d in x.shape.as_list()]) for x in placeholders]
        values = [random.uniform(*reach, shape).astype(np.float32) for _, shape in inputs]
        feeds = {f"{name}:0": value for (name, _), value in zip(inputs, values)}
        expected = session.run([f"{name}:0" for name in names], feeds)
    arguments = []
    for index, ((name, _), value) in enumerate(zip(inputs, values)):
        file = work / f"input{index}.npy"
        np.save(file, value)
        arguments += ["--input", f"{name}={file}"]
    file = cut(program, path, work, cuts, names)
    subprocess.run([program, "run", str(file), *arguments, "--output-dir", str(work / "out")], check=True)
    for name, value in zip(names, expected):
        file = work / "out" / (name.replace("/", "%2F") + ".npy")
        print(f"{path.name} {name}: worst difference {compare(name, value, np.load(file)):.2g} of the range")


def name_and_shape(text):
    name, shape = text.split("=")
    return name, [int(size) for size in shape.split(",")]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--program", default="target/release/eightbit")
    arguments.add_argument("--work", type=pathlib.Path, required=True)
    arguments.add_argument("--only", default="")
    arguments.add_argument("--graph", type=pathlib.Path)
    arguments.add_argument("--outputs", nargs="+")
    arguments.add_argument("--cut", nargs=1, type=name_and_shape, default=[], help="the input instead of the placeholders: NAME=SHAPE")
    arguments.add_argument("--reach", nargs=2, type=float, default=[-1, 1], help="the least and greatest random number")
    options = arguments.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.graph:
        network(options.program, options.graph, options.work, options.outputs, options.cut, options.reach)
    else:
        operators(options.program, options.work, options.only)
    for line in missing:
        print(f"  not implemented  {line}")
    for line in failures:
        print(f"  FAIL  {line}")
    sys.exit(1 if failures else 0)


main()
