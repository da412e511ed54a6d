//! Products of two activations in eight bits: the executor against the meaning of the nodes, and attention against its float form.

use eightbit::Backend;
use eightbit_graph::quantize::{QuantizeOptions, Role, quantize};
use eightbit_graph::shapes::{ShapeOptions, infer_shapes};
use eightbit_graph::{DataType, Executor, ExecutorOptions, Graph, Node, Tensor, TensorData, ValueInfo, ops};
use eightbit_testing::Random;

use crate::values::{floats, value};

fn bytes(random: &mut Random, shape: &[usize], data_type: DataType) -> Tensor {
    let bytes: Vec<u8> = (0..shape.iter().product()).map(|_| random.next() as u8).collect();
    let data = match data_type {
        DataType::I8 => TensorData::I8(bytes.into_iter().map(|byte| byte as i8).collect()),
        _ => TensorData::U8(bytes),
    };
    Tensor::new(shape, data).expect("as many as the shape has")
}

fn zero(data_type: DataType, zero: u8) -> Tensor {
    if data_type == DataType::I8 { Tensor::scalar(zero as i8) } else { Tensor::scalar(zero) }
}

fn info(name: &str, tensor: &Tensor) -> ValueInfo {
    ValueInfo { data_type: tensor.data_type(), ..value(name, tensor.shape()) }
}

/// Shapes of factors: stacks, one matrix for all, stacks repeated along an axis, vectors.
const SHAPES: [[&[usize]; 2]; 8] = [
    [&[2, 3, 40], &[2, 40, 17]],
    [&[2, 3, 7, 5], &[5, 6]],
    [&[3, 1, 5, 17], &[2, 17, 33]],
    [&[4], &[2, 4, 3]],
    [&[2, 7, 4], &[4]],
    [&[5, 3], &[1, 3, 16]],
    [&[2, 4, 3, 5], &[2, 1, 5, 7]],
    [&[500, 3], &[3, 4]],
];

/// The results of a graph of one node on every backend, and what it means.
fn check(node: Node, inputs: &[(&str, Tensor)], constants: Vec<(&str, Tensor)>, output: DataType) {
    let mut graph = Graph { opset: 13, nodes: vec![node], ..Graph::default() };
    graph.inputs = inputs.iter().map(|(name, tensor)| info(name, tensor)).collect();
    graph.constants = constants.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect();
    let inputs: Vec<(&str, &Tensor)> = inputs.iter().map(|(name, tensor)| (*name, tensor)).collect();
    graph.outputs = vec![ValueInfo { data_type: output, ..value("y", &[]) }];
    let shapes = infer_shapes(&graph, &ShapeOptions::default());
    graph.outputs[0].shape = shapes.expect("shapes")["y"].shape.iter().map(|&size| Some(size)).collect();
    let expected = ops::evaluate_graph(&graph, &inputs).expect("a meaning");
    for backend in Backend::available() {
        let mut options = ExecutorOptions::default();
        options.backend = Some(backend);
        let executor = Executor::new(&graph, &options).expect("a graph that runs");
        for _ in 0..2 {
            assert_eq!(executor.run(&inputs).expect("a run"), expected, "{backend}: {:?}", graph.nodes);
        }
        if cfg!(feature = "rayon") {
            options.threads = 3;
            let threads = Executor::new(&graph, &options).expect("a graph that runs");
            assert_eq!(
                threads.run(&inputs).expect("a run"),
                expected,
                "{backend}, threads: {:?}",
                graph.nodes
            );
        }
        let text = executor.explain();
        assert!(text.contains("products of two activations"), "{text}");
    }
}

#[test]
fn bytes_of_two_activations_give_the_bits_of_their_node() {
    let mut random = Random(5);
    for [a_shape, b_shape] in SHAPES {
        for a_type in [DataType::U8, DataType::I8] {
            for b_type in [DataType::U8, DataType::I8] {
                let inputs =
                    [("a", bytes(&mut random, a_shape, a_type)), ("b", bytes(&mut random, b_shape, b_type))];
                let constants = |output: DataType| {
                    let mut constants = vec![
                        ("as", Tensor::scalar(0.02f32)),
                        ("az", zero(a_type, 77)),
                        ("bs", Tensor::scalar(0.013f32)),
                        ("bz", zero(b_type, 101)),
                    ];
                    if output != DataType::F32 {
                        constants.extend([("ys", Tensor::scalar(0.3f32)), ("yz", zero(output, 60))]);
                    }
                    constants
                };
                for output in [DataType::U8, DataType::I8] {
                    let names = ["a", "as", "az", "b", "bs", "bz", "ys", "yz"];
                    let node = Node::new("product", "QLinearMatMul", &names, &["y"]);
                    check(node, &inputs, constants(output), output);
                }
                let names = ["a", "as", "az", "b", "bs", "bz"];
                let node = Node::new("product", "QLinearMatMul", &names, &["y"]);
                check(node, &inputs, constants(DataType::F32), DataType::F32);
                let node = Node::new("product", "MatMulInteger", &["a", "b", "az", "bz"], &["y"]);
                let zeros = vec![("az", zero(a_type, 77)), ("bz", zero(b_type, 101))];
                check(node, &inputs, zeros, DataType::I32);
            }
        }
    }
}

/// What `quantize_dynamic` writes for a product of two activations.
#[test]
fn zero_points_of_both_factors_may_come_from_the_run() {
    let nodes = vec![
        Node::new("qa", "DynamicQuantizeLinear", &["a"], &["ab", "as", "az"]),
        Node::new("qb", "DynamicQuantizeLinear", &["b"], &["bb", "bs", "bz"]),
        Node::new("scales", "Mul", &["as", "bs"], &["scales"]),
        Node::new("product", "MatMulInteger", &["ab", "bb", "az", "bz"], &["sums"]),
        Node::new("cast", "Cast", &["sums"], &["floats"]).with("to", 1),
        Node::new("scale", "Mul", &["floats", "scales"], &["y"]),
    ];
    let graph = Graph {
        opset: 13,
        inputs: vec![value("a", &[2, 9, 20]), value("b", &[2, 20, 11])],
        outputs: vec![value("y", &[2, 9, 11])],
        nodes,
        ..Graph::default()
    };
    let mut random = Random(8);
    let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("a graph that runs");
    for factor in [1.0, 30.0] {
        let (a, b) = (floats(&mut random, &[2, 9, 20], factor), floats(&mut random, &[2, 20, 11], 0.1));
        let inputs = [("a", &a), ("b", &b)];
        let expected = ops::evaluate_graph(&graph, &inputs).expect("a meaning");
        assert_eq!(executor.run(&inputs).expect("a run"), expected);
    }
    let text = executor.explain();
    assert!(text.contains("products of two activations") && !text.contains("MatMulInteger: plain"), "{text}");
}

/// `heads` heads of attention over `tokens` tokens of `depth` numbers each.
fn attention(heads: usize, tokens: usize, depth: usize) -> Graph {
    let shape = [1, heads, tokens, depth];
    let mut random = Random(2);
    let weights = floats(&mut random, &[depth, depth], 0.3);
    Graph {
        opset: 13,
        inputs: vec![value("x", &shape)],
        outputs: vec![value("y", &shape)],
        nodes: vec![
            Node::new("query", "MatMul", &["x", "w"], &["q"]),
            Node::new("key", "Transpose", &["x"], &["k"]).with("perm", vec![0, 1, 3, 2]),
            Node::new("scores", "MatMul", &["q", "k"], &["s"]),
            Node::new("softmax", "Softmax", &["s"], &["p"]).with("axis", -1),
            Node::new("mix", "MatMul", &["p", "x"], &["y"]),
        ],
        constants: [("w".to_owned(), weights)].into(),
        ..Graph::default()
    }
}

fn quantized(graph: &Graph, shape: &[usize]) -> (Graph, Vec<(String, Role)>) {
    let mut random = Random(4);
    let examples: Vec<Vec<Tensor>> = (0..4).map(|_| vec![floats(&mut random, shape, 1.0)]).collect();
    let (eight_bit, report) =
        quantize(graph, &examples, &QuantizeOptions::default(), |_| {}).expect("a float graph");
    (eight_bit, report.nodes.into_iter().map(|node| (node.name, node.role)).collect())
}

#[test]
fn attention_runs_in_eight_bits() {
    let shape = [1, 2, 40, 32];
    let float = attention(2, 40, 32);
    let (eight_bit, roles) = quantized(&float, &shape);
    for name in ["query", "key", "scores", "mix"] {
        assert!(roles.contains(&(name.to_owned(), Role::Quantized)), "{roles:?}");
    }
    let executor = Executor::new(&eight_bit, &ExecutorOptions::default()).expect("a graph that runs");
    let text = executor.explain();
    assert_eq!(text.matches("products of two activations, each an eight-bit").count(), 2, "{text}");
    let x = floats(&mut Random(90), &shape, 1.0);
    let found = executor.run(&[("x", &x)]).expect("a run").remove(0);
    let expected = ops::evaluate_graph(&float, &[("x", &x)]).expect("a meaning").remove(0);
    let pairs = || found.as_f32().expect("floats").iter().zip(expected.as_f32().expect("floats"));
    let noise: f32 = pairs().map(|(a, b)| (a - b) * (a - b)).sum();
    let signal: f32 = pairs().map(|(_, b)| b * b).sum();
    assert!(signal > 1000.0 * noise, "{signal} and {noise}");
}

#[test]
fn small_products_of_two_activations_stay_float_and_are_reported() {
    let (eight_bit, roles) = quantized(&attention(2, 4, 4), &[1, 2, 4, 4]);
    let reason = roles.iter().find_map(|(name, role)| match role {
        Role::Float(reason) if name == "scores" => Some(reason.as_str()),
        _ => None,
    });
    assert!(
        reason.is_some_and(|reason| reason.contains("[1, 2, 4, 4]") && reason.contains("small")),
        "{roles:?}"
    );
    let executor = Executor::new(&eight_bit, &ExecutorOptions::default()).expect("a graph that runs");
    assert_eq!(
        executor.explain().matches("f32 products of two activations").count(),
        2,
        "{}",
        executor.explain()
    );
}

/// Quantizing for one addition alone takes longer than the addition.
#[test]
fn a_lone_addition_between_float_nodes_stays_float() {
    let mut graph = attention(2, 40, 32);
    graph.nodes.truncate(1);
    graph.nodes.extend([
        Node::new("first", "Softmax", &["q"], &["a"]).with("axis", -1),
        Node::new("lone", "Add", &["a", "a"], &["b"]),
        Node::new("second", "Softmax", &["b"], &["y"]).with("axis", -1),
    ]);
    let (_, roles) = quantized(&graph, &[1, 2, 40, 32]);
    let lone = roles.iter().find(|(name, _)| name == "lone").map(|(_, role)| role);
    assert!(matches!(lone, Some(Role::Float(reason)) if reason.contains("between float nodes")), "{roles:?}");
}

/// `transBatchA` and `transBatchB` say that the rows of the factors lie in front of the batch, as ONNX Runtime reads them.
#[test]
fn rows_may_lie_in_front_of_the_batch() {
    let shapes: [[&[usize]; 2]; 2] = [[&[3, 2, 4], &[2, 4, 5]], [&[4, 2, 3], &[5, 2, 4]]];
    for ([a_shape, b_shape], flags) in
        shapes.into_iter().zip([&["transBatchA"][..], &["transBatchA", "transA", "transBatchB", "transB"]])
    {
        let (a, b) = (floats(&mut Random(1), a_shape, 1.0), floats(&mut Random(2), b_shape, 1.0));
        let mut node = Node::new("product", "FusedMatMul", &["a", "b"], &["y"]);
        node.op = eightbit_graph::Op::new("com.microsoft", "FusedMatMul");
        flags.iter().for_each(|&flag| drop(node.attributes.insert(flag.to_owned(), 1.into())));
        let found = ops::evaluate(&node, &[Some(&a), Some(&b)]).expect("a product").remove(0);
        assert_eq!(found.shape(), [2, 3, 5]);
        let (x, w, y) = (a.as_f32().expect("a"), b.as_f32().expect("b"), found.as_f32().expect("y"));
        let (is_swapped, is_batched) = (flags.contains(&"transA"), flags.contains(&"transBatchB"));
        for (at, &y) in y.iter().enumerate() {
            let (batch, row, column) = (at / 15, at / 5 % 3, at % 5);
            let product = |k: usize| {
                // [rows, batch, depth], or [depth, batch, rows]; [batch, depth, columns], or [columns, batch, depth].
                let i = if is_swapped { (k * 2 + batch) * 3 + row } else { (row * 2 + batch) * 4 + k };
                let j = if is_batched { (column * 2 + batch) * 4 + k } else { (batch * 4 + k) * 5 + column };
                x[i] * w[j]
            };
            let expected: f32 = (0..4).map(product).sum();
            assert!((y - expected).abs() < 1e-5, "{flags:?}, {at}: {y}, not {expected}");
        }
    }
    let mut node = Node::new("product", "FusedMatMul", &["a", "b"], &["y"]).with("transBatchA", 1);
    node.op = eightbit_graph::Op::new("com.microsoft", "FusedMatMul");
    let flat = floats(&mut Random(1), &[2, 2], 1.0);
    let error = ops::evaluate(&node, &[Some(&flat), Some(&flat)]).expect_err("no batch").to_string();
    assert!(error.contains("transBatchA") && error.contains("2 axes"), "{error}");
}

/// Interpolated bytes are not the bytes of interpolated numbers.
#[test]
fn bytes_are_not_interpolated() {
    let shape = [1, 1, 3, 3];
    let graph = Graph {
        opset: 13,
        inputs: vec![ValueInfo { data_type: DataType::U8, ..value("x", &shape) }],
        outputs: vec![value("y", &[1, 1, 6, 6])],
        nodes: vec![
            Node::new("floats", "DequantizeLinear", &["x", "scale", "zero"], &["f"]),
            Node::new("larger", "Resize", &["f", "", "scales"], &["y"]).with("mode", "linear"),
            Node::new("same", "Cast", &["y"], &["z"]).with("to", 1),
        ],
        constants: [
            ("scale".to_owned(), Tensor::scalar(0.5f32)),
            ("zero".to_owned(), Tensor::scalar(3u8)),
            ("scales".to_owned(), Tensor::vector([1.0f32, 1.0, 2.0, 2.0])),
        ]
        .into(),
        ..Graph::default()
    };
    let x = Tensor::new(shape, vec![0u8, 1, 2, 7, 9, 4, 250, 3, 3]).expect("nine");
    let expected = ops::evaluate_graph(&graph, &[("x", &x)]).expect("a meaning");
    let executor = Executor::new(&graph, &ExecutorOptions::default()).expect("a graph that runs");
    let found = executor.run(&[("x", &x)]).expect("a run");
    let pairs = found[0].as_f32().expect("floats").iter().zip(expected[0].as_f32().expect("floats"));
    pairs.for_each(|(a, b)| assert!((a - b).abs() < 1e-4, "{a}, not {b}"));
    assert!(
        !executor.explain().contains("Cast"),
        "a Cast to the same type is no step: {}",
        executor.explain()
    );
}
