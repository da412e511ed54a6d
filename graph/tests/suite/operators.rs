//! Operators by hand-made numbers, nodes of old operator sets, operators that are missing, and the documentation's table.

use eightbit_graph::ops::{self, OPERATORS};
use eightbit_graph::quantize::{QuantizeOptions, Role, quantize};
use eightbit_graph::shapes::{ShapeOptions, infer_shapes};
use eightbit_graph::{
    DataType, Error, Executor, ExecutorOptions, Graph, Node, Op, Tensor, TensorType, passes,
};

use crate::values::value;

/// A graph from `x` to `y`.
fn graph(x: &[usize], nodes: Vec<Node>, constants: Vec<(&str, Tensor)>) -> Graph {
    Graph {
        opset: 13,
        inputs: vec![value("x", x)],
        outputs: vec![value("y", &[])],
        nodes,
        constants: constants.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect(),
        ..Graph::default()
    }
}

fn floats(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::new(shape, values.to_vec()).expect("the shape fits")
}

/// The executor's output for `x`, checked against the plain evaluator.
fn run(graph: &Graph, x: &Tensor) -> Vec<Tensor> {
    let expected = ops::evaluate_graph(graph, &[("x", x)]).expect("a graph with a meaning");
    let executor = Executor::new(graph, &ExecutorOptions::default()).expect("a graph that runs");
    let found = executor.run(&[("x", x)]).expect("a run");
    assert_eq!(found, expected, "{}", executor.explain());
    found
}

fn ints(values: &[i64]) -> Tensor {
    Tensor::vector(values)
}

/// Added one after the other, 65,536 equal floats are off by 6e-4 of their sum, and so is what follows.
#[test]
fn the_mean_of_a_large_image_is_exact_to_millionths() {
    let x = floats(&[1, 2, 256, 256], &[vec![1.9f32; 1 << 16], vec![0.1f32; 1 << 16]].concat());
    let node = Node::new("mean", "GlobalAveragePool", &["x"], &["y"]);
    let graph = graph(&[1, 2, 256, 256], vec![node], vec![]);
    let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("a graph that runs");
    let y = executor.run(&[("x", &x)]).expect("a run");
    for (found, expected) in y[0].as_f32().expect("floats").iter().zip([1.9f32, 0.1]) {
        assert!((found / expected - 1.0).abs() < 2e-6, "{found}, not {expected}");
    }
}

/// Sizes that are rounded up end with windows that reach behind the image, where there is nothing.
#[test]
fn windows_of_a_convolution_may_end_behind_the_image() {
    for (shape, groups) in [([1, 1, 3, 8], 1), ([2, 1, 6, 8], 1), ([2, 2, 5, 8], 2)] {
        let [images, channels, height, width] = shape;
        let numbers = |count: usize| (0..count).map(|at| (at % 7) as f32 - 3.0).collect::<Vec<f32>>();
        let x = floats(&shape, &numbers(images * channels * height * width));
        let w = floats(&[2 * channels, channels / groups, 3, 3], &numbers(18 * channels * channels / groups));
        let node = Node::new("c", "Conv", &["x", "w"], &["y"])
            .with("strides", vec![2i64, 2])
            .with("group", groups as i64)
            .with("ceil_mode", 1);
        let y = run(&graph(&shape, vec![node], vec![("w", w)]), &x);
        assert_eq!(y[0].shape()[3], 4);
    }
}

/// Scales along other axes than the last ones differ from row to row.
#[test]
fn scales_of_a_normalization_may_differ_from_row_to_row() {
    for (shape, axis, scale) in
        [(vec![3, 3], -1, vec![3, 1]), (vec![6, 2, 3], 1, vec![6, 1, 1]), (vec![2, 3], -1, vec![1, 3])]
    {
        let count = shape.iter().product::<usize>();
        let x = floats(&shape, &(0..count).map(|at| (at * at % 11) as f32).collect::<Vec<f32>>());
        let count = scale.iter().product::<usize>();
        let scale = floats(&scale, &(0..count).map(|at| at as f32 + 1.0).collect::<Vec<f32>>());
        let node = Node::new("n", "LayerNormalization", &["x", "s"], &["y"]).with("axis", axis);
        let network = Graph { opset: 17, ..graph(&shape, vec![node], vec![("s", scale)]) };
        let expected = ops::evaluate_graph(&network, &[("x", &x)]).expect("a graph with a meaning");
        let executor = Executor::new(&network, &ExecutorOptions::default()).expect("a graph that runs");
        let found = executor.run(&[("x", &x)]).expect("a run");
        let pairs = found[0].as_f32().expect("floats").iter().zip(expected[0].as_f32().expect("floats"));
        for (found, expected) in pairs {
            assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
        }
    }
}

/// TensorFlow's operator has a group for each channel, and no attribute for it.
#[test]
fn a_depthwise_convolution_has_a_group_for_each_channel() {
    for w in [[2, 2, 2, 1], [2, 2, 2, 3]] {
        let op = Op::new("org.tensorflow", "DepthwiseConv2dNative");
        let node = Node::of(op, "d", &["x", "w"], &["y"]).with("group", 2);
        let weights = Tensor::zeros(w, DataType::F32).expect("small");
        let graph = graph(&[1, 4, 4, 4], vec![node], vec![("w", weights)]);
        let error = Executor::new(&graph, &ExecutorOptions::default()).expect_err("two groups").to_string();
        assert!(error.contains("do not convolve"), "{error}");
    }
}

#[test]
fn slices_step_in_both_directions() {
    let x = floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let slice = |starts: &[i64], ends: &[i64], axes: &[i64], steps: &[i64]| {
        let node = Node::new("s", "Slice", &["x", "starts", "ends", "axes", "steps"], &["y"]);
        let constants = vec![
            ("starts", ints(starts)),
            ("ends", ints(ends)),
            ("axes", ints(axes)),
            ("steps", ints(steps)),
        ];
        run(&graph(&[2, 3], vec![node], constants), &x).remove(0)
    };
    assert_eq!(slice(&[0], &[i64::MAX], &[1], &[2]), floats(&[2, 2], &[1.0, 3.0, 4.0, 6.0]));
    assert_eq!(slice(&[-1], &[i64::MIN], &[-1], &[-2]), floats(&[2, 2], &[3.0, 1.0, 6.0, 4.0]));
    assert_eq!(slice(&[1, 1], &[2, 9], &[0, 1], &[1, 1]), floats(&[1, 2], &[5.0, 6.0]));
    assert_eq!(slice(&[5], &[9], &[0], &[1]), floats(&[0, 3], &[]));
}

#[test]
fn a_split_has_as_many_parts_as_outputs() {
    let x = floats(&[5], &[1.0, 2.0, 3.0, 4.0, 5.0]);
    let split = |node: Node, constants: Vec<(&str, Tensor)>| {
        let mut graph = graph(&[5], vec![node], constants);
        graph.outputs = graph.nodes[0].outputs.iter().map(|name| value(name, &[])).collect();
        run(&graph, &x)
    };
    let by_sizes = Node::new("s", "Split", &["x", "sizes"], &["a", "b"]);
    let parts = [floats(&[2], &[1.0, 2.0]), floats(&[3], &[3.0, 4.0, 5.0])];
    assert_eq!(split(by_sizes, vec![("sizes", ints(&[2, 3]))]), parts);
    // Operator set 18: the last part may be smaller.
    let by_count = Node::new("s", "Split", &["x"], &["a", "b", "c"]).with("num_outputs", 3);
    let parts = [floats(&[2], &[1.0, 2.0]), floats(&[2], &[3.0, 4.0]), floats(&[1], &[5.0])];
    assert_eq!(split(by_count, vec![]), parts);
    for bad in [
        Node::new("s", "Split", &["x"], &["a", "b"]),
        Node::new("s", "Split", &["x"], &["a", "b"]).with("num_outputs", 3),
    ] {
        let graph = graph(&[5], vec![bad], vec![]);
        assert!(infer_shapes(&graph, &ShapeOptions::default()).is_err(), "{graph:?}");
    }
}

#[test]
fn functions_of_one_number() {
    let of = |op: &str, x: &[f32]| {
        let graph = graph(&[x.len()], vec![Node::new("n", op, &["x"], &["y"])], vec![]);
        run(&graph, &Tensor::vector(x)).remove(0).into_values::<f32>().expect("floats")
    };
    // Abramowitz and Stegun, table 7.1.
    assert_eq!(of("Erf", &[0.0, 0.5, -1.0, 2.0, 9.0]), [0.0, 0.520_499_9, -0.842_700_8, 0.995_322_3, 1.0]);
    assert_eq!(of("Reciprocal", &[4.0, -0.5, 0.0]), [0.25, -2.0, f32::INFINITY]);
    assert_eq!(
        of("Softplus", &[0.0, 100.0, -100.0]),
        [std::f32::consts::LN_2, 100.0, (-100.0f64).exp() as f32]
    );
}

#[test]
fn log_softmax_of_large_numbers_is_finite() {
    let graph = graph(&[1, 2], vec![Node::new("n", "LogSoftmax", &["x"], &["y"])], vec![]);
    let ln_half = -std::f32::consts::LN_2;
    assert_eq!(run(&graph, &floats(&[1, 2], &[1e4, 1e4])), [floats(&[1, 2], &[ln_half, ln_half])]);
    assert_eq!(run(&graph, &floats(&[1, 2], &[0.0, 1e4])), [floats(&[1, 2], &[-1e4, 0.0])]);
}

#[test]
fn indices_of_the_least_and_the_greatest() {
    let x = floats(&[2, 3], &[3.0, 1.0, 1.0, 2.0, 7.0, 7.0]);
    let index = |op: &str, last: i64| {
        let node = Node::new("n", op, &["x"], &["y"])
            .with("axis", -1)
            .with("keepdims", 0)
            .with("select_last_index", last);
        let mut graph = graph(&[2, 3], vec![node], vec![]);
        graph.outputs[0].data_type = DataType::I64;
        run(&graph, &x).remove(0).into_values::<i64>().expect("indices")
    };
    assert_eq!((index("ArgMin", 0), index("ArgMin", 1)), (vec![1, 0], vec![2, 0]));
    assert_eq!((index("ArgMax", 0), index("ArgMax", 1)), (vec![0, 1], vec![0, 2]));
}

#[test]
fn a_constant_of_a_shape_is_expanded() {
    let nodes = vec![
        Node::new("ones", "ConstantOfShape", &["shape"], &["ones"]).with("value", Tensor::vector([2.0f32])),
        Node::new("expand", "Expand", &["x", "wide"], &["wider"]),
        Node::new("mul", "Mul", &["ones", "wider"], &["y"]),
    ];
    let graph = graph(&[2, 1], nodes, vec![("shape", ints(&[2, 3])), ("wide", ints(&[1, 3]))]);
    let y = run(&graph, &floats(&[2, 1], &[1.0, -1.0]));
    assert_eq!(y, [floats(&[2, 3], &[2.0, 2.0, 2.0, -2.0, -2.0, -2.0])]);
}

/// `x.view(x.size(0), -1)` as exporters write it, and a constant that is cast first.
#[test]
fn shapes_that_are_computed_decide_shapes() {
    let nodes = vec![
        Node::new("shape", "Shape", &["x"], &["s"]),
        Node::new("slice", "Slice", &["s", "zero", "one"], &["batch"]),
        Node::new("cast", "Cast", &["rest"], &["rest64"]).with("to", 7),
        Node::new("concat", "Concat", &["batch", "rest64"], &["target"]).with("axis", 0),
        Node::new("reshape", "Reshape", &["x", "target"], &["y"]),
    ];
    let constants = vec![("zero", ints(&[0])), ("one", ints(&[1])), ("rest", Tensor::vector([-1i32]))];
    let graph = graph(&[2, 2, 2], nodes, constants);
    let types = infer_shapes(&graph, &ShapeOptions::default()).expect("all is known");
    assert_eq!(types["y"], TensorType::new(DataType::F32, [2, 4]));
    let x = floats(&[2, 2, 2], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
    assert_eq!(run(&graph, &x)[0].shape(), [2, 4]);
    let folded = passes::fold_constants(graph).expect("folds");
    assert_eq!(folded.nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(), ["reshape"]);
}

/// A file of operator set `version` with the graph's nodes: the importer sees attributes as they were.
fn read_as(graph: &Graph, version: u8) -> Result<Graph, Error> {
    let mut bytes = graph.to_onnx_bytes().expect("a sound graph");
    // The model's import of the operator set: field 8, a message of two bytes, whose field 2 is the version.
    let import = [8u8 << 3 | 2, 2, 2 << 3, 13];
    let at = bytes.windows(4).position(|window| window == import).expect("an import of version 13");
    bytes[at + 3] = version;
    Graph::from_onnx_bytes(&bytes)
}

#[test]
fn nodes_of_old_operator_sets_are_rewritten() {
    let slice = Node::new("s", "Slice", &["x"], &["y"])
        .with("starts", vec![1i64])
        .with("ends", vec![3i64])
        .with("axes", vec![1i64]);
    let old = read_as(&graph(&[1, 3], vec![slice], vec![]), 9).expect("operator set 9");
    assert_eq!(run(&old, &floats(&[1, 3], &[1.0, 2.0, 3.0])), [floats(&[1, 2], &[2.0, 3.0])]);

    let split = Node::new("s", "Split", &["x"], &["y", "z"]).with("split", vec![1i64, 2]).with("axis", 1);
    let mut two = graph(&[1, 3], vec![split], vec![]);
    two.outputs.push(value("z", &[]));
    let old = read_as(&two, 11).expect("operator set 11");
    let parts = run(&old, &floats(&[1, 3], &[1.0, 2.0, 3.0]));
    assert_eq!(parts, [floats(&[1, 1], &[1.0]), floats(&[1, 2], &[2.0, 3.0])]);

    // Before operator set 13, over all axes starting at the first.
    let softmax = Node::new("s", "LogSoftmax", &["x"], &["y"]);
    let old = read_as(&graph(&[1, 2, 2], vec![softmax], vec![]), 11).expect("operator set 11");
    let quarter = -2.0 * std::f32::consts::LN_2;
    assert_eq!(run(&old, &floats(&[1, 2, 2], &[5.0; 4])), [floats(&[1, 2, 2], &[quarter; 4])]);

    let unknown = Node::new("u", "Frobnicate", &["x"], &["y"]);
    let old = read_as(&graph(&[1], vec![unknown], vec![]), 9).expect("it is listed when a plan is made");
    assert_eq!(old.nodes[0].op, "Frobnicate");
}

#[test]
fn operators_that_mean_others_are_read_as_those() {
    let fused = Node::of(Op::new("com.microsoft", "FusedConv"), "c", &["x", "w", "", "z"], &["y"])
        .with("activation", "LeakyRelu")
        .with("activation_params", vec![0.5f32])
        .with("pads", vec![1i64, 0, 0, 0]);
    let constants = vec![("w", floats(&[1, 1, 1, 1], &[2.0])), ("z", floats(&[1], &[-5.0]))];
    let x = floats(&[1, 1, 1, 2], &[1.0, 4.0]);
    let graph = graph(&[1, 1, 1, 2], vec![fused], constants);
    let expected = floats(&[1, 1, 2, 2], &[-2.5, -2.5, -1.5, 3.0]);
    assert_eq!(run(&graph, &x)[0], expected);
    let read = Graph::from_onnx_bytes(&graph.to_onnx_bytes().expect("a sound graph")).expect("it is read");
    assert_eq!(
        read.nodes.iter().map(|node| node.op.as_str()).collect::<Vec<_>>(),
        ["Conv", "Add", "LeakyRelu"]
    );
    assert_eq!(read.nodes[0].name, "c");
    assert_eq!(run(&read, &x)[0], expected);
}

#[test]
fn all_missing_operators_are_listed_at_once() {
    let nodes = vec![
        Node::new("a", "Frobnicate", &["x"], &["p"]),
        Node::new("relu", "Relu", &["p"], &["q"]),
        Node::of(Op::new("com.example", "Thing"), "b", &["q"], &["r"]),
        Node::new("c", "Frobnicate", &["r"], &["y"]),
    ];
    let graph = graph(&[1], nodes, vec![]);
    let check = |error: Error| {
        let Error::MissingOperators(missing) = &error else { panic!("{error}") };
        let listed: Vec<(&str, &str, Vec<&str>)> = missing
            .iter()
            .map(|one| (one.domain.as_str(), one.op.as_str(), one.nodes.iter().map(String::as_str).collect()))
            .collect();
        assert_eq!(listed, [("", "Frobnicate", vec!["a", "c"]), ("com.example", "Thing", vec!["b"])]);
        assert_eq!(
            error.to_string(),
            "unsupported operators: ai.onnx.Frobnicate (nodes \"a\", \"c\"); com.example.Thing (node \"b\")"
        );
    };
    check(infer_shapes(&graph, &ShapeOptions::default()).expect_err("missing"));
    check(Executor::new(&graph, &ExecutorOptions::default()).expect_err("missing"));
    check(ops::evaluate_graph(&graph, &[("x", &Tensor::vector([1.0f32]))]).expect_err("missing"));
    let example = [vec![Tensor::vector([1.0f32])]];
    check(quantize(&graph, &example, &QuantizeOptions::default(), |_| {}).expect_err("missing"));
}

/// Quantizer and executor agree on what a mean over the pixels is, with and without `keepdims`.
#[test]
fn a_mean_over_pixels_runs_as_it_is_reported() {
    for (keepdims, axes) in [(1, [2, 3]), (0, [2, 3]), (0, [-1, -2]), (1, [3, -2])] {
        let nodes = vec![
            Node::new("conv", "Conv", &["x", "w"], &["h"]),
            Node::new("mean", "ReduceMean", &["h"], &["m"])
                .with("axes", axes.to_vec())
                .with("keepdims", keepdims),
            Node::new("flat", "Flatten", &["m"], &["f"]),
            Node::new("fc", "MatMul", &["f", "v"], &["y"]),
        ];
        let numbers =
            |count: usize| (0..count).map(|i| (i * 37 % 23) as f32 / 11.0 - 1.0).collect::<Vec<_>>();
        let constants = vec![("w", floats(&[4, 3, 1, 1], &numbers(12))), ("v", floats(&[4, 2], &numbers(8)))];
        let mut float = graph(&[1, 3, 4, 5], nodes, constants);
        float.outputs[0].shape = vec![Some(1), Some(2)];
        let x = floats(&[1, 3, 4, 5], &numbers(60));
        let (eight_bit, report) =
            quantize(&float, &[vec![x.clone()]], &QuantizeOptions::default(), |_| {}).expect("quantized");
        assert!(report.nodes.iter().all(|node| node.role == Role::Quantized), "{:?}", report.nodes);
        let executor = Executor::new(&eight_bit, &ExecutorOptions::default()).expect("runs");
        let explained = executor.explain();
        assert!(explained.contains("eight-bit mean of each window"), "{explained}");
        assert!(explained.contains("eight-bit matrix product: 1×4×2 → f32"), "{explained}");
        let floats = explained.matches("f32").count();
        assert!(floats == 1 && !explained.contains("plain loops"), "{explained}");
        let found = executor.run(&[("x", &x)]).expect("a run").remove(0);
        let expected = ops::evaluate_graph(&float, &[("x", &x)]).expect("a meaning").remove(0);
        for (a, b) in found.as_f32().expect("floats").iter().zip(expected.as_f32().expect("floats")) {
            assert!((a - b).abs() < 0.05, "{found:?}, expected {expected:?}");
        }
    }
}

/// A mean over the last two axes of a tensor that is not an image is a mean over these axes, in eight bits, too.
#[test]
fn axes_counted_from_the_end_are_not_always_pixels() {
    let quantize_node =
        |name: &str, from: &str| Node::new(name, "QuantizeLinear", &[from, "s", "z"], &[name]);
    let dequantize_node =
        |name: &str, from: &str| Node::new(name, "DequantizeLinear", &[from, "s", "z"], &[name]);
    let nodes = vec![
        quantize_node("q", "x"),
        dequantize_node("d", "q"),
        Node::new("mean", "ReduceMean", &["d"], &["m"]).with("axes", vec![-1i64, -2]),
        quantize_node("mq", "m"),
        dequantize_node("y", "mq"),
    ];
    let constants = vec![("s", Tensor::scalar(0.25f32)), ("z", Tensor::scalar(8u8))];
    for shape in [vec![2, 2, 2], vec![1, 1, 2, 2, 2]] {
        let graph = graph(&shape, nodes.clone(), constants.clone());
        let x = floats(&shape, &[0.0, 1.0, 2.0, 1.0, 5.0, 6.0, 4.0, 5.0]);
        assert_eq!(run(&graph, &x)[0].as_f32().expect("floats"), [1.0, 5.0]);
    }
}

#[test]
fn the_documented_table_is_the_registry() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operators.md");
    let written = std::fs::read_to_string(&path).expect("docs/operators.md");
    let printed = ops::documentation();
    assert_eq!(OPERATORS.len() + 2, printed.lines().filter(|line| line.starts_with('|')).count());
    assert!(
        written == printed,
        "docs/operators.md is not what `eightbit operators --markdown` prints: write it anew"
    );
}
