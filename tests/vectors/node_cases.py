"""Makes the archives of test cases of operators in this folder.

    python node_cases.py onnx FOLDER     onnx_node_cases.zip, from `onnx/backend/test/data/node` of the package onnx 1.21.0
    python node_cases.py onnxruntime     onnxruntime_node_cases.zip, with the outputs of ONNX Runtime

Needs numpy, onnx and onnxruntime (1.32). Each case is a folder with `model.onnx` and
`test_data_set_0/{input,output}_N.pb`. `INDEX.tsv` names the cases, their operators and operator sets, and what ONNX Runtime
does with them: `pass`, `MISMATCH`, or why it cannot run them.
"""

import pathlib
import sys
import zipfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper

HERE = pathlib.Path(__file__).parent
DATE = (2026, 1, 1, 0, 0, 0)
# A case with more bytes than this is left out, except those of pools, whose three-dimensional cases are all large.
LARGEST = 200_000
BYTES = ("Quantize", "QLinear", "Integer")


class Archive:
    """A zip file with the same bytes for the same content."""

    def __init__(self, name):
        self.files, self.index, self.path = [], ["kind\tops\tcase\topset\tonnxruntime"], HERE / name

    def add(self, case, operator, opset, outcome, files):
        kind = "Q" if any(word in operator for word in BYTES) else "F"
        self.index.append("\t".join([kind, operator, case, str(opset), outcome]))
        self.files += [(f"{case}/{name}", data) for name, data in sorted(files.items())]

    def write(self):
        index = ("INDEX.tsv", ("\n".join(self.index) + "\n").encode())
        with zipfile.ZipFile(self.path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name, data in [index, *self.files]:
                entry = zipfile.ZipInfo(name, DATE)
                entry.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(entry, data)
        print(f"{self.path.name}: {len(self.index) - 1} cases, {self.path.stat().st_size} bytes")


def value(info, data):
    """The value in a file of a case."""
    kind = info.type.WhichOneof("value")
    if kind == "sequence_type":
        return numpy_helper.to_list(onnx.SequenceProto.FromString(data))
    if kind == "optional_type":
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
    return numpy_helper.to_array(onnx.TensorProto.FromString(data))


def same(found, expected):
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    found, expected = np.asarray(found), np.asarray(expected)
    if (found.dtype, found.shape) != (expected.dtype, expected.shape):
        return False
    if expected.dtype.kind == "f":
        return np.allclose(found, expected, rtol=1e-3, atol=1e-6, equal_nan=True)
    return np.array_equal(found, expected)


def outcome(model, files):
    """What ONNX Runtime does with a case."""
    try:
        tensors = {
            kind: [value(info, files[f"test_data_set_0/{kind}_{at}.pb"]) for at, info in enumerate(infos)]
            for kind, infos in (("input", model.graph.input), ("output", model.graph.output))
        }
        session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        names = [info.name for info in model.graph.input]
        found = session.run(None, dict(zip(names, tensors["input"])))
        return "pass" if all(map(same, found, tensors["output"])) else "MISMATCH"
    except Exception as error:  # Whatever it is, it is the outcome.
        return "n/a: " + " ".join(str(error).split())[:60]


def of_onnx(folder):
    cases = {}
    for path in sorted(pathlib.Path(folder).iterdir()):
        files = {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}
        cases[path.name] = (onnx.load_from_string(files["model.onnx"]), files)
    archive = Archive("onnx_node_cases.zip")
    rows = []
    for name, (model, files) in cases.items():
        # A case "…_expanded" has the nodes that another case's operator means.
        whole = cases.get(name.split("_expanded")[0], (model,))[0]
        operator = whole.graph.node[-1].op_type
        if sum(map(len, files.values())) <= LARGEST or "Pool" in operator:
            rows.append((operator, name, max(entry.version for entry in model.opset_import), model, files))
    for operator, name, opset, model, files in sorted(rows, key=lambda row: row[:2]):
        archive.add(name, operator, opset, outcome(model, files), files)
    archive.write()


def of_onnx_runtime():
    """Operators of ONNX Runtime, and what ONNX's own cases leave out: special values, other types, ties, empty ranges."""
    rng = np.random.default_rng(7)
    f = lambda *shape: rng.standard_normal(shape).astype(np.float32)
    u8 = lambda *shape: rng.integers(0, 256, shape).astype(np.uint8)
    i8 = lambda *shape: rng.integers(-128, 128, shape).astype(np.int8)
    S = lambda number, kind=np.float32: np.array(number, kind)
    T, MS = onnx.TensorProto, "com.microsoft"
    archive = Archive("onnxruntime_node_cases.zip")

    def case(name, op, domain, inputs, attributes={}, outputs=(0,), opset=17):
        inputs = {f"x{at}": np.asarray(array) for at, array in enumerate(inputs)}
        names = [f"y{at}" if at in outputs else "" for at in range(max(outputs) + 1)]
        node = onnx.helper.make_node(op, list(inputs), names, domain=domain, **attributes)
        of = lambda name, array: onnx.helper.make_tensor_value_info(
            name, onnx.helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
        )
        sets = [onnx.helper.make_opsetid("", opset), onnx.helper.make_opsetid(MS, 1)]

        def model(results):
            infos = [of(*item) for item in inputs.items()]
            graph = onnx.helper.make_graph([node], name, infos, results)
            return onnx.helper.make_model(graph, opset_imports=sets, ir_version=8).SerializeToString()

        names = [name for name in names if name]
        untyped = model([onnx.helper.make_empty_tensor_value_info(name) for name in names])
        session = ort.InferenceSession(untyped, providers=["CPUExecutionProvider"])
        results = dict(zip(names, session.run(None, inputs)))
        files = {"model.onnx": model([of(*item) for item in results.items()])}
        for kind, arrays in (("input", inputs), ("output", results)):
            for at, (name_, array) in enumerate(arrays.items()):
                files[f"test_data_set_0/{kind}_{at}.pb"] = numpy_helper.from_array(
                    array, name_
                ).SerializeToString()
        archive.add(f"ort_{name}", op, opset, "pass", files)

    case("gelu", "Gelu", MS, [f(2, 3, 4)])
    case("fast_gelu", "FastGelu", MS, [f(2, 3, 4)])
    case("fast_gelu_bias", "FastGelu", MS, [f(2, 3, 4), f(4)])
    case("bias_gelu", "BiasGelu", MS, [f(2, 3, 4), f(4)])
    case("quick_gelu", "QuickGelu", MS, [f(2, 3, 4)])
    case("quick_gelu_alpha", "QuickGelu", MS, [f(2, 3, 4)], {"alpha": 0.7})
    case(
        "skip_layer_normalization",
        "SkipLayerNormalization",
        MS,
        [f(2, 3, 4), f(2, 3, 4), f(4), f(4), f(4)],
        {"epsilon": 1e-5},
        (0, 3),
    )
    case(
        "skip_layer_normalization_plain",
        "SkipLayerNormalization",
        MS,
        [f(2, 3, 4), f(2, 3, 4), f(4)],
        {},
        (0,),
    )
    case(
        "skip_layer_normalization_broadcast",
        "SkipLayerNormalization",
        MS,
        [f(2, 3, 4), f(3, 4), f(4), f(4)],
        {},
        (0,),
    )
    case(
        "skip_simplified_layer_normalization",
        "SkipSimplifiedLayerNormalization",
        MS,
        [f(2, 3, 4), f(2, 3, 4), f(4), f(4)],
        {"epsilon": 1e-6},
        (0, 3),
    )
    case(
        "simplified_layer_normalization",
        "SimplifiedLayerNormalization",
        "",
        [f(2, 3, 4), f(4)],
        {"axis": -1, "epsilon": 1e-6, "stash_type": 1},
        (0,),
    )
    for a, p in [
        ("Relu", None),
        ("Sigmoid", None),
        ("Tanh", None),
        ("LeakyRelu", [0.1]),
        ("Clip", [-0.5, 0.7]),
        ("HardSigmoid", [0.3, 0.4]),
    ]:
        at = {"activation": a, "pads": [1, 0, 1, 1], "strides": [2, 1]}
        if p:
            at["activation_params"] = p
        case("fused_conv_" + a.lower(), "FusedConv", MS, [f(1, 3, 7, 6), f(4, 3, 3, 2), f(4)], at)
    case(
        "fused_conv_sum",
        "FusedConv",
        MS,
        [f(1, 2, 5, 5), f(4, 2, 3, 3), f(4), f(1, 4, 3, 3)],
        {"activation": "Relu"},
    )
    case(
        "fused_gemm_relu",
        "FusedGemm",
        MS,
        [f(3, 4), f(5, 4), f(5)],
        {"transB": 1, "activation": "Relu", "alpha": 0.5},
    )
    case(
        "fused_gemm_leaky",
        "FusedGemm",
        MS,
        [f(3, 4), f(4, 5), f(5)],
        {"activation": "LeakyRelu", "activation_alpha": 0.2},
    )
    case(
        "dynamic_quantize_matmul",
        "DynamicQuantizeMatMul",
        MS,
        [f(3, 4), i8(4, 5), S(0.02), S(3, np.int8), f(5)],
    )
    case(
        "dynamic_quantize_matmul_columns",
        "DynamicQuantizeMatMul",
        MS,
        [f(2, 3, 4), u8(4, 5), np.abs(f(5)) / 50, u8(5)],
    )
    case("dynamic_quantize_matmul_plain", "DynamicQuantizeMatMul", MS, [f(3, 4), i8(4, 5), S(0.02)])
    case(
        "matmul_integer_to_float",
        "MatMulIntegerToFloat",
        MS,
        [u8(3, 4), i8(4, 5), S(0.03), S(0.02), S(120, np.uint8), S(3, np.int8), f(5)],
    )
    case(
        "matmul_integer_to_float_columns",
        "MatMulIntegerToFloat",
        MS,
        [u8(3, 4), u8(4, 5), S(0.03), np.abs(f(5)) / 50, S(120, np.uint8), u8(5)],
    )
    for t, name, zp, yz in [(np.uint8, "u8", 120, 7), (np.int8, "i8", -8, -100)]:
        x = u8(2, 3, 16) if t == np.uint8 else i8(2, 3, 16)
        case("qlinear_sigmoid_" + name, "QLinearSigmoid", MS, [x, S(0.05), S(zp, t), S(1 / 256), S(yz, t)])
        case(
            "qlinear_leaky_relu_" + name,
            "QLinearLeakyRelu",
            MS,
            [x, S(0.05), S(zp, t), S(0.03), S(yz, t)],
            {"alpha": 0.1},
        )
        case(
            "qlinear_softmax_" + name,
            "QLinearSoftmax",
            MS,
            [x, S(0.05), S(zp, t), S(1 / 256), S(0 if t == np.uint8 else -128, t)],
            {"axis": -1, "opset": 13},
        )
    case(
        "qlinear_softmax_opset11",
        "QLinearSoftmax",
        MS,
        [u8(2, 3, 4), S(0.05), S(100, np.uint8), S(1 / 256), S(0, np.uint8)],
        {"axis": 1, "opset": 11},
    )
    sp = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.5, -2.5, 1e30, -1e-30], np.float32)
    for op in [
        "Sign",
        "Abs",
        "Softsign",
        "Celu",
        "Selu",
        "Elu",
        "Mish",
        "Sin",
        "Cos",
        "Atan",
        "Sinh",
        "Cosh",
        "Asinh",
        "Erf",
        "Sigmoid",
        "Tanh",
        "Softplus",
        "ThresholdedRelu",
        "Shrink",
        "HardSwish",
        "Relu",
        "LeakyRelu",
    ]:
        x = sp if op not in ("Sin", "Cos") else sp[3:7]
        case("special_" + op.lower(), op, "", [x], {}, (0,), 22 if op in ("Mish",) else 17)
    case("gelu20_special", "Gelu", "", [sp], {}, (0,), 20)
    case("mod_float", "Mod", "", [f(3, 4) * 5, f(3, 4)], {"fmod": 1})
    case(
        "mod_int8",
        "Mod",
        "",
        [i8(40), np.where(i8(40) == 0, 1, 3).astype(np.int8) * np.where(i8(40) > 0, 1, -1).astype(np.int8)],
    )
    case(
        "mod_int8_fmod",
        "Mod",
        "",
        [i8(40), np.where(i8(40) == 0, 1, 3).astype(np.int8) * np.where(i8(40) > 0, 1, -1).astype(np.int8)],
        {"fmod": 1},
    )
    case(
        "mod_uint32",
        "Mod",
        "",
        [rng.integers(0, 1000, 20).astype(np.uint32), rng.integers(1, 9, 20).astype(np.uint32)],
    )
    case("range_float", "Range", "", [S(0.1), S(1.0), S(0.1)])
    case("range_negative", "Range", "", [S(10, np.int64), S(-5, np.int64), S(-4, np.int64)])
    case("range_empty", "Range", "", [S(3, np.int32), S(1, np.int32), S(1, np.int32)])
    case("bit_shift_all", "BitShift", "", [u8(8), S(8, np.uint8)], {"direction": "RIGHT"})
    case(
        "lp_pool_p3",
        "LpPool",
        "",
        [f(1, 2, 6, 7)],
        {"kernel_shape": [3, 2], "pads": [1, 0, 1, 1], "strides": [2, 1], "p": 3},
        (0,),
        18,
    )
    case("global_lp_pool", "GlobalLpPool", "", [f(2, 3, 4, 5)], {"p": 3})
    case(
        "group_normalization18",
        "GroupNormalization",
        "",
        [f(2, 4, 3, 3), f(2), f(2)],
        {"num_groups": 2},
        (0,),
        18,
    )
    case(
        "instance_normalization", "InstanceNormalization", "", [f(2, 3, 4, 4), f(3), f(3)], {"epsilon": 1e-3}
    )
    case(
        "layer_normalization_outputs",
        "LayerNormalization",
        "",
        [f(2, 3, 4), f(3, 4), f(3, 4)],
        {"axis": 1},
        (0, 1, 2),
    )
    case("reduce_sum_int64", "ReduceSum", "", [rng.integers(-9, 9, (3, 4)), np.array([1])])
    case("reduce_prod_int64", "ReduceProd", "", [rng.integers(-9, 9, (3, 4)), np.array([1])], {}, (0,), 18)
    case(
        "reduce_mean_int32",
        "ReduceMean",
        "",
        [rng.integers(-9, 9, (3, 4)).astype(np.int32), np.array([1])],
        {},
        (0,),
        18,
    )
    case(
        "reduce_l2_int32",
        "ReduceL2",
        "",
        [rng.integers(-9, 9, (3, 4)).astype(np.int32), np.array([1])],
        {},
        (0,),
        18,
    )
    case(
        "reduce_sum_square_double",
        "ReduceSumSquare",
        "",
        [rng.standard_normal((3, 4)), np.array([1])],
        {},
        (0,),
        18,
    )
    case(
        "reduce_log_sum_exp_infinite",
        "ReduceLogSumExp",
        "",
        [np.array([[np.inf, 1], [-np.inf, -np.inf], [1e4, 1e4]], np.float32), np.array([1])],
        {},
        (0,),
        18,
    )
    case(
        "cum_sum_int32",
        "CumSum",
        "",
        [rng.integers(-9, 9, (3, 4)).astype(np.int32), S(-1, np.int32)],
        {"reverse": 1},
    )
    case("hardmax_ties", "Hardmax", "", [np.array([[1, 3, 3], [2, 2, 0]], np.float32)], {"axis": 1}, (0,), 13)
    case(
        "lp_normalization_zero",
        "LpNormalization",
        "",
        [np.array([[0, 0], [3, 4]], np.float32)],
        {"axis": 1, "p": 2},
    )
    case("cast_nan_int32", "Cast", "", [np.array([1.9, -1.9, 300.7], np.float32)], {"to": T.INT16})
    case("quantize_int16", "QuantizeLinear", "", [f(3, 4) * 40, S(0.001), S(5, np.int16)], {}, (0,), 21)
    case(
        "dequantize_uint16",
        "DequantizeLinear",
        "",
        [rng.integers(0, 65536, (3, 4)).astype(np.uint16), S(0.001), S(500, np.uint16)],
        {},
        (0,),
        21,
    )
    case(
        "where_int64",
        "Where",
        "",
        [rng.integers(0, 2, (3, 1)).astype(bool), rng.integers(0, 9, (4,)), rng.integers(0, 9, (3, 4))],
    )
    case(
        "equal_bool",
        "Equal",
        "",
        [rng.integers(0, 2, (3, 1)).astype(bool), rng.integers(0, 2, (4,)).astype(bool)],
        {},
        (0,),
        13,
    )
    case("less_nan", "Less", "", [sp, np.float32([0])])
    # Numbers so small that the default of epsilon matters.
    small, ones = f(2, 4) / 1000, np.ones(4, np.float32)
    for op in ["SkipLayerNormalization", "SkipSimplifiedLayerNormalization"]:
        case(f"default_{op.lower()}", op, MS, [small, f(2, 4) / 1000, ones])
    for op in ["LayerNormalization", "SimplifiedLayerNormalization"]:
        case(f"default_{op.lower()}", op, "", [small, ones])
    archive.write()


if __name__ == "__main__":
    ort.set_default_logger_severity(4)
    if sys.argv[1:2] == ["onnx"]:
        of_onnx(sys.argv[2])
    else:
        of_onnx_runtime()
