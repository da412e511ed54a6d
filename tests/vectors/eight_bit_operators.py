"""Makes tensorflow/tests/vectors/eight_bit_by_tensorflow.pb: TensorFlow's eight-bit operators with inputs and outputs.

usage: TF_ENABLE_ONEDNN_OPTS=0 python eight_bit_operators.py OUTPUT.pb [FOLDER OF NPZ FILES]

For each case NAME the graph has a node NAME, its inputs NAME/INPUT (constants, or placeholders with the constant NAME/given/INPUT), and what
TensorFlow computes, NAME/expected/PORT. Cases of npz files have the outputs of the file, which must be those that this TensorFlow computes.
"""

import ast
import pathlib
import re
import sys

import numpy as np
import tensorflow.compat.v1 as tf

random = np.random.default_rng(12)
QUANTIZED = {np.dtype(np.uint8): tf.quint8, np.dtype(np.int8): tf.qint8, np.dtype(np.int32): tf.qint32}
result = tf.GraphDef()
F = np.float32


def const(name, array, dtype):
    node = result.node.add(name=name, op="Const")
    node.attr["dtype"].type = dtype.as_datatype_enum
    tensor = node.attr["value"].tensor
    tensor.CopyFrom(tf.make_tensor_proto(array))
    tensor.dtype = dtype.as_datatype_enum


def case(name, op, inputs, given, expected=None, **attributes):
    """Adds a case: inputs are pairs of a name and an array (or a list of such pairs); those in `given` are placeholders."""
    graph = tf.Graph()
    arguments, feed, named = {}, {}, []
    with graph.as_default():
        for key, value in inputs:
            parts = value if isinstance(value, list) else [value]
            tensors = []
            for index, array in enumerate(parts):
                array = np.asarray(array)
                label = f"{name}/{key}" + (f"_{index}" if isinstance(value, list) else "")
                codes = array.dtype in QUANTIZED and not (key in ("size", "shape", "concat_dim"))
                dtype = QUANTIZED[array.dtype] if codes else tf.as_dtype(array.dtype)
                tensor = tf.placeholder(dtype, array.shape, name=label)
                feed[tensor] = array.astype(dtype.as_numpy_dtype) if codes else array
                tensors.append(tensor)
                named.append((label, key in given, array, dtype))
            arguments[key] = tensors if isinstance(value, list) else tensors[0]
        outputs = getattr(tf.raw_ops, op)(**arguments, **attributes, name=name)
        outputs = list(outputs) if isinstance(outputs, tuple) else [outputs]
        with tf.Session(graph=graph) as session:
            found = session.run(outputs, feed)
        definition = graph.as_graph_def()
    for label, is_given, array, dtype in named:
        if is_given:
            result.node.add().CopyFrom(next(node for node in definition.node if node.name == label))
            const(f"{name}/given/{label.removeprefix(name + '/')}", array, dtype)
        else:
            const(label, array, dtype)
    result.node.add().CopyFrom(next(node for node in definition.node if node.name == name))
    for port, (tensor, array) in enumerate(zip(outputs, found)):
        plain = {tf.quint8: np.uint8, tf.qint8: np.int8, tf.qint32: np.int32}.get(tensor.dtype, np.float32)
        array = np.asarray(array).astype(plain)
        if expected is not None and not np.array_equal(array, expected[port]):
            sys.exit(f"{name}: output {port} of the file is not that of this TensorFlow")
        const(f"{name}/expected/{port}", array, tensor.dtype)


def of_file(path):
    data = np.load(path)
    text = re.sub(r"tf\.(\w+)", r"'\1'", str(data["attrs"]))
    attributes = ast.literal_eval(text)
    op = path.stem.split("_")[0]
    values = {key[3:]: data[key] for key in data.files if key.startswith("in_")}
    floats = {key: F(value) for key, value in values.items() if value.dtype == np.float64}
    values.update(floats)
    renamed = {
        "QuantizedConcat": lambda v: [("concat_dim", np.int32(attributes.pop("concat_dim"))), ("values", [v["a"], v["b"]]),
                                      ("input_mins", [v["amin"], v["bmin"]]), ("input_maxes", [v["amax"], v["bmax"]])],
        "QuantizedAdd": lambda v: [("x", v["x"]), ("y", v["y"]), ("min_x", v["mn"]), ("max_x", v["mx"]),
                                   ("min_y", v["mn"]), ("max_y", v["mx"])],
        "Requantize": lambda v: [("input", v["input"]), ("input_min", v["input_min"]), ("input_max", v["input_max"]),
                                 ("requested_output_min", v["rmin"]), ("requested_output_max", v["rmax"])],
        "QuantizeV2": lambda v: [("input", v["input"]), ("min_range", v["mn"]), ("max_range", v["mx"])],
        "Dequantize": lambda v: [("input", v["input"]), ("min_range", v["mn"]), ("max_range", v["mx"])],
        "QuantizedBiasAdd": lambda v: [(key, v[key]) for key in ("input", "bias", "min_input", "max_input", "min_bias", "max_bias")],
    }
    renamed["QuantizedMul"] = renamed["QuantizedAdd"]
    inputs = renamed.get(op, lambda v: list(v.items()))(values)
    if op == "BatchNormWithGlobalNormalization":
        # The file has the image alone: the statistics were not kept.
        return
    outputs = [data[key] for key in data.files if key.startswith("out_")]
    attributes = {key: getattr(tf, value) if key == "T" and op == "QuantizeV2" else value for key, value in attributes.items()}
    if op == "Dequantize":
        attributes.pop("T")
    defaults = {
        "QuantizeDownAndShrinkRange": {"out_type": tf.quint8},
        "Requantize": {"out_type": tf.quint8},
        "QuantizedBiasAdd": {"out_type": tf.qint32},
        "QuantizedBatchNormWithGlobalNormalization": {
            "out_type": tf.qint32, "variance_epsilon": 0.001, "scale_after_normalization": True,
        },
    }
    attributes.update(defaults.get(op, {}))
    case("file_" + path.stem, op, inputs, {"input", "x", "y", "a", "t", "features", "values", "min_input", "min_features"},
         outputs, **attributes)


def image(*shape, high=256):
    return random.integers(0, high, shape).astype(np.uint8)


def ties(low, high, to_low, to_high):
    """Sums that are requantized to numbers nearly halfway between two codes, by the fixed-point formula."""
    width, to_width = float(F(high - low)), float(F(to_high - to_low))
    sums = random.integers(int(to_low / width * 2**32), int(to_high / width * 2**32), 1_000_000).astype(np.int32)
    products = sums.astype(F).astype(np.int64) * int(255 * 65536 * width / to_width) >> 32
    rest = (products - round(65536 * 255 * float(to_low) / to_width) + 32768) % 65536
    return sums[(rest < 3) | (rest > 65532)][:60]


def own_cases():
    count = 0

    def add(op, inputs, given, **attributes):
        nonlocal count
        count += 1
        case(f"own_{count:03}_{op}", op, inputs, given, **attributes)

    x = np.concatenate([random.normal(0, 3, 60), [0.0, 0.5, -0.5, 1e9, -1e9, 2.5, 3.5, -2.5]]).astype(F)
    ranges = [(-3.2, 5.1), (0.5, 2.0), (-4.0, -1.0), (0.0, 0.0), (-128.0, 127.0), (0.0, 255.0), (-1e-4, 1e-4)]
    for low, high in ranges:
        for dtype in (tf.quint8, tf.qint8):
            for mode in ("MIN_COMBINED", "MIN_FIRST", "SCALED"):
                for narrow in ((False, True) if mode == "SCALED" else (False,)):
                    rounding = "HALF_TO_EVEN" if narrow else "HALF_AWAY_FROM_ZERO"
                    add("QuantizeV2", [("input", x), ("min_range", F(low)), ("max_range", F(high))], {"input"},
                        T=dtype, mode=mode, narrow_range=narrow, round_mode=rounding)
    inside = random.uniform(-3.0, 3.0, 40).astype(F)
    for mode in ("MIN_COMBINED", "MIN_FIRST", "SCALED"):
        add("QuantizeV2", [("input", inside), ("min_range", F(-4.0)), ("max_range", F(3.9))], {"input"}, T=tf.qint32, mode=mode)
    cube = random.normal(0, 2, (2, 3, 4)).astype(F)
    for axis, size in enumerate(cube.shape):
        low, high = -random.uniform(0, 3, size).astype(F), random.uniform(0, 3, size).astype(F)
        for mode in ("MIN_COMBINED", "SCALED"):
            for dtype in (tf.quint8, tf.qint8):
                add("QuantizeV2", [("input", cube), ("min_range", low), ("max_range", high)], {"input"}, T=dtype, mode=mode,
                    axis=axis, ensure_minimum_range=0.2)
                codes = random.integers(0, 256, cube.shape).astype(np.uint8)
                codes = codes if dtype == tf.quint8 else codes.view(np.int8)
                add("Dequantize", [("input", codes), ("min_range", low), ("max_range", high)], {"input"}, mode=mode, axis=axis,
                    narrow_range=axis == 1)
    for low, high in ranges:
        for codes in (np.arange(256).astype(np.uint8), np.arange(256).astype(np.uint8).view(np.int8),
                      random.integers(-2**31, 2**31, 30).astype(np.int32)):
            for mode in ("MIN_COMBINED", "MIN_FIRST", "SCALED"):
                add("Dequantize", [("input", codes), ("min_range", F(low)), ("max_range", F(high))], {"input"}, mode=mode)
    for batch, size, c, k, n, stride, padding in [(1, 7, 3, 1, 5, 1, "SAME"), (2, 8, 4, 3, 17, 2, "SAME"), (1, 9, 16, 5, 8, 3, "VALID"),
                                                  (1, 6, 1, 2, 3, 1, "SAME")]:
        for (low, high), (w_low, w_high) in [((-1.3, 4.0), (-0.2, 0.9)), ((0.0, 6.0), (-1.0, 0.0)), ((-2.0, 0.0), (0.0, 1.0))]:
            add("QuantizedConv2D",
                [("input", image(batch, size, size + 1, c)), ("filter", image(k, k, c, n)), ("min_input", F(low)), ("max_input", F(high)),
                 ("min_filter", F(w_low)), ("max_filter", F(w_high))], {"input", "min_input", "max_input"},
                strides=[1, stride, stride, 1], padding=padding)
    # 0 is none of the codes.
    add("QuantizedConv2D", [("input", image(1, 5, 5, 2)), ("filter", image(3, 3, 2, 3)), ("min_input", F(1.0)), ("max_input", F(3.0)),
                            ("min_filter", F(-1)), ("max_filter", F(1))], {"input", "min_input"}, strides=[1, 1, 1, 1], padding="SAME")
    for rows, depth, columns in [(1, 2048, 10), (5, 64, 33)]:
        for a, b in [(False, False), (False, True), (True, False)]:
            add("QuantizedMatMul", [("a", image(*((depth, rows) if a else (rows, depth)))),
                                    ("b", image(*((columns, depth) if b else (depth, columns)))), ("min_a", F(-0.5)), ("max_a", F(3.0)),
                                    ("min_b", F(-1.0)), ("max_b", F(0.4))], {"a", "min_a", "max_a"}, transpose_a=a, transpose_b=b)
    for shape in [(6,), (1,), (4, 5, 6), (1, 1, 6)]:
        for op in ("QuantizedAdd", "QuantizedMul"):
            add(op, [("x", image(4, 5, 6)), ("y", image(*shape)), ("min_x", F(-1.0)), ("max_x", F(6.0)), ("min_y", F(-0.3)),
                     ("max_y", F(0.2))], {"x", "min_x", "max_x"})
    for signed in (False, True):
        bytes_of = (lambda array: array.view(np.int8)) if signed else (lambda array: array)
        add("QuantizedBiasAdd", [("input", bytes_of(image(2, 4, 5, 6))), ("bias", bytes_of(image(6))), ("min_input", F(-2.0)),
                                 ("max_input", F(7.5)), ("min_bias", F(-0.1)), ("max_bias", F(0.7))], {"input", "min_input"},
            out_type=tf.qint32)
    for kind in ("QuantizedMaxPool", "QuantizedAvgPool"):
        for padding in ("SAME", "VALID"):
            for size, stride in [(2, 2), (3, 1), (7, 1)]:
                add(kind, [("input", image(2, 8, 9, 5)), ("min_input", F(-1)), ("max_input", F(2))], {"input", "min_input"},
                    ksize=[1, size, size, 1], strides=[1, stride, stride, 1], padding=padding)
    sums = random.integers(-2**20, 2**20, (3, 50)).astype(np.int32)
    for low, high, to_low, to_high in [(-5e4, 5e4, -20, 25), (-1e3, 1e3, 0, 0.3), (-4e5, 4e5, -300, 0.5), (-1, 7, -1, 2)]:
        add("RequantizationRange", [("input", sums), ("input_min", F(low)), ("input_max", F(high))], {"input", "input_min"})
        add("QuantizeDownAndShrinkRange", [("input", sums), ("input_min", F(low)), ("input_max", F(high))], {"input", "input_min"},
            out_type=tf.quint8)
        add("Requantize", [("input", sums), ("input_min", F(low)), ("input_max", F(high)), ("requested_output_min", F(to_low)),
                           ("requested_output_max", F(to_high))], {"input", "input_min", "requested_output_min"}, out_type=tf.quint8)
    for low, high, to_low, to_high in [(-5e4, 5e4, -3.3, 5.9), (-600, 600, 0, 70), (-600, 600.003, -1, 60), (-7e4, 7e4, -7.7, 0.4)]:
        sums = ties(*map(F, (low, high, to_low, to_high)))
        add("Requantize", [("input", sums), ("input_min", F(low)), ("input_max", F(high)), ("requested_output_min", F(to_low)),
                           ("requested_output_max", F(to_high))], {"input", "input_min", "requested_output_min"}, out_type=tf.quint8)
    add("RequantizationRange", [("input", np.int32([2147483000, 2147482000])), ("input_min", F(-2147480000)), ("input_max", F(0.5))],
        {"input", "input_min"})
    bounds = [("min_features", F(-3)), ("max_features", F(9))]
    add("QuantizedRelu", [("features", image(3, 40))] + bounds, {"features", "min_features"})
    add("QuantizedRelu6", [("features", image(3, 40))] + bounds, {"features", "min_features"})
    wide = [("min_features", F(-3e4)), ("max_features", F(3e4))]
    for op in ("QuantizedRelu", "QuantizedRelu6"):
        add(op, [("features", random.integers(-2**31, 2**31, 50).astype(np.int32))] + wide, {"features"}, out_type=tf.qint32)
    for axis, shapes in [(1, [(2, 3, 4), (2, 1, 4), (2, 5, 4)]), (3, [(1, 3, 3, 7), (1, 3, 3, 2), (1, 3, 3, 1)])]:
        add("QuantizedConcat", [("concat_dim", np.int32(axis)), ("values", [image(*shape) for shape in shapes]),
                                ("input_mins", [F(-1), F(0), F(-2)]), ("input_maxes", [F(5), F(1), F(5)])], {"values", "input_mins"})
    add("QuantizedReshape", [("tensor", image(4, 6)), ("shape", np.int32([2, -1])), ("input_min", F(-1)), ("input_max", F(1))],
        {"tensor", "input_min"})
    for options in ({}, {"align_corners": True}, {"half_pixel_centers": True}):
        for size in ([7, 5], [3, 9], [6, 4]):
            add("QuantizedResizeBilinear", [("images", image(1, 6, 4, 3)), ("size", np.int32(size)), ("min", F(-1)), ("max", F(1))],
                {"images", "min"}, **options)
            codes = random.integers(-2**30, 2**30, (1, 6, 4, 2)).astype(np.int32)
            add("QuantizedResizeBilinear", [("images", codes), ("size", np.int32(size)), ("min", F(-1)), ("max", F(1))], {"images"},
                **options)
    # 0 is above all codes.
    add("QuantizedConv2D", [("input", image(1, 5, 5, 2)), ("filter", image(3, 3, 2, 3)), ("min_input", F(-1.43)), ("max_input", F(-1.33)),
                            ("min_filter", F(-1)), ("max_filter", F(1))], {"input", "min_input"}, strides=[1, 1, 1, 1], padding="SAME")
    # Floats between eight-bit operators.
    for batch, size, c, k, n, stride, padding in [(1, 9, 33, 3, 1, 1, "SAME"), (2, 8, 16, 3, 1, 2, "SAME"), (1, 7, 5, 5, 1, 1, "VALID"),
                                                  (1, 6, 3, 2, 4, 1, "SAME"), (1, 6, 1, 3, 1, 1, "SAME")]:
        pixels = (random.integers(0, 256, (batch, size, size + 1, c)) * F(6 / 255)).astype(F)
        add("DepthwiseConv2dNative", [("input", pixels), ("filter", random.normal(0, 1, (k, k, c, n)).astype(F))], {"input"},
            strides=[1, stride, stride, 1], padding=padding)
    # The product of a step and the code of 0 is not a float.
    add("QuantizedAdd", [("x", image(2, 128)), ("y", np.arange(128).astype(np.uint8)), ("min_x", F(float.fromhex("-0x1.d0905cp+3"))),
                         ("max_x", F(float.fromhex("0x1.6ceb14p+3"))), ("min_y", F(float.fromhex("-0x1.ebabcap+2"))),
                         ("max_y", F(float.fromhex("0x1.7bde46p+3")))], {"x", "min_x"})
    # Long enough for every vector, with halves between codes.
    halves = np.concatenate([random.integers(-200, 300, 700) / 2, random.normal(0, 90, 300)]).astype(F)
    add("QuantizeV2", [("input", halves), ("min_range", F(-64.0)), ("max_range", F(191.0))], {"input"}, T=tf.quint8, mode="MIN_FIRST")
    add("QuantizeV2", [("input", halves), ("min_range", F(-31.7)), ("max_range", F(88.2))], {"input"}, T=tf.quint8, mode="MIN_FIRST")
    for reach in (2**18, 2**23, 2**31):
        sums = random.integers(-reach, reach, 1000).astype(np.int32)
        add("Requantize", [("input", sums), ("input_min", F(-5e3)), ("input_max", F(5e3)), ("requested_output_min", F(-1e4 * reach / 2**33)),
                           ("requested_output_max", F(1e4 * reach / 2**32))], {"input", "input_min", "requested_output_min"},
            out_type=tf.quint8)


for path in sorted(pathlib.Path(sys.argv[2]).glob("*.npz")) if len(sys.argv) > 2 else []:
    of_file(path)
own_cases()
pathlib.Path(sys.argv[1]).write_bytes(result.SerializeToString(deterministic=True))
