//! Transposed convolutions in eight bits: the executor gives the bytes of the plain evaluator.

use eightbit_graph::quantize::{QuantizeOptions, Role, quantize};
use eightbit_graph::{DataType, Executor, ExecutorOptions, Graph, Node, Op, Tensor, ValueInfo, ops};
use eightbit_testing::Random;

use crate::values::{floats, value};

/// Both give the same outputs; returns the plan.
fn both_agree(graph: &Graph, x: &Tensor) -> String {
    let expected = ops::evaluate_graph(graph, &[("x", x)]).expect("a graph with a meaning");
    let executor = Executor::new(graph, &ExecutorOptions::default()).expect("a graph that runs");
    assert_eq!(executor.run(&[("x", x)]).expect("a run"), expected, "{}", executor.explain());
    executor.explain()
}

fn signed(random: &mut Random, count: usize) -> Vec<i8> {
    random.any_bytes(count).into_iter().map(|byte| byte as i8).collect()
}

#[test]
fn bytes_are_those_of_the_plain_loops() {
    let mut random = Random(11);
    for (stride, dilation, pads, kernel, channels, per_channel) in [
        ([1, 1], [1, 1], [0; 4], [1, 1], [3, 5], false),
        ([2, 2], [1, 1], [0; 4], [2, 2], [8, 4], true),
        ([2, 2], [1, 1], [1; 4], [4, 4], [5, 3], true),
        ([3, 1], [1, 2], [2, 0, 1, 3], [3, 3], [2, 7], true),
        ([1, 4], [2, 1], [0, 1, 0, 0], [2, 3], [1, 1], false),
    ] {
        let [inputs, outputs] = channels;
        let mut op = Node::of(
            Op::new("eightbit", "QLinearConvTranspose"),
            "up",
            &["x", "xs", "xz", "w", "ws", "wz", "ys", "yz", "b"],
            &["y"],
        );
        op = op
            .with("strides", stride.to_vec())
            .with("dilations", dilation.to_vec())
            .with("pads", pads.to_vec());
        let x = Tensor::new([2, inputs, 5, 4], random.any_bytes(40 * inputs)).expect("the shape fits");
        let shape = [inputs, outputs, kernel[0], kernel[1]];
        let weights = signed(&mut random, shape.iter().product());
        let count = if per_channel { outputs } else { 1 };
        let scales: Vec<f32> = (0..count).map(|at| 0.01 + 0.003 * at as f32).collect();
        let zeros = signed(&mut random, count);
        let constants = [
            ("xs", Tensor::scalar(0.02f32)),
            ("xz", Tensor::scalar(117u8)),
            ("w", Tensor::new(shape, weights).expect("the shape fits")),
            ("ws", Tensor::vector(scales)),
            ("wz", Tensor::vector(zeros)),
            ("ys", Tensor::scalar(0.4f32)),
            ("yz", Tensor::scalar(131u8)),
            ("b", Tensor::vector((0..outputs as i32).map(|at| at * 501 - 700).collect::<Vec<_>>())),
        ];
        let info = |name: &str| ValueInfo { data_type: DataType::U8, ..value(name, x.shape()) };
        let graph = Graph {
            opset: 13,
            inputs: vec![info("x")],
            outputs: vec![info("y")],
            nodes: vec![op],
            constants: constants.map(|(name, tensor)| (name.to_owned(), tensor)).into(),
            ..Graph::default()
        };
        let plan = both_agree(&graph, &x);
        assert!(plan.contains("eight-bit transposed convolution"), "{plan}");
    }
}

/// A decoder: upsampled twice, with a ReLU between, which is fused.
fn decoder(group: i64) -> Graph {
    let mut random = Random(7);
    let nodes = vec![
        Node::new("up", "ConvTranspose", &["x", "w", "b"], &["a"])
            .with("strides", vec![2, 2])
            .with("group", group),
        Node::new("relu", "Relu", &["a"], &["r"]),
        Node::new("again", "ConvTranspose", &["r", "v"], &["y"]).with("strides", vec![2, 2]),
    ];
    let outputs = 6 / group as usize;
    Graph {
        opset: 13,
        inputs: vec![value("x", &[1, 4, 6, 5])],
        outputs: vec![value("y", &[1, 3, 24, 20])],
        nodes,
        constants: [
            ("w".to_owned(), floats(&mut random, &[4, outputs, 2, 2], 0.5)),
            ("b".to_owned(), floats(&mut random, &[6], 0.2)),
            ("v".to_owned(), floats(&mut random, &[6, 3, 2, 2], 0.5)),
        ]
        .into(),
        ..Graph::default()
    }
}

#[test]
fn a_decoder_runs_in_eight_bits() {
    let mut random = Random(5);
    let graph = decoder(1);
    let x = floats(&mut random, &[1, 4, 6, 5], 1.0);
    let examples = [vec![x.clone()]];
    let (eight_bit, report) =
        quantize(&graph, &examples, &QuantizeOptions::default(), |_| {}).expect("quantizes");
    let roles: Vec<&Role> = report.nodes.iter().map(|node| &node.role).collect();
    assert_eq!(roles, [&Role::Quantized, &Role::Fused, &Role::Quantized]);
    let plan = both_agree(&eight_bit, &x);
    assert_eq!(plan.matches("eight-bit transposed convolution").count(), 2, "{plan}");
    let float = ops::evaluate_graph(&graph, &[("x", &x)]).expect("a meaning");
    let found = ops::evaluate_graph(&eight_bit, &[("x", &x)]).expect("a meaning");
    let (float, found) = (float[0].as_f32().expect("floats"), found[0].as_f32().expect("floats"));
    let greatest = float.iter().fold(0.0f32, |greatest, x| greatest.max(x.abs()));
    assert!(float.iter().zip(found).all(|(a, b)| (a - b).abs() < 0.04 * greatest), "{float:?}\n{found:?}");
}

#[test]
fn groups_stay_float() {
    let x = floats(&mut Random(5), &[1, 4, 6, 5], 1.0);
    let examples = [vec![x.clone()]];
    let (eight_bit, report) =
        quantize(decoder(2), &examples, &QuantizeOptions::default(), |_| {}).expect("quantizes");
    assert!(matches!(&report.nodes[0].role, Role::Float(reason) if reason.contains("groups")));
    assert!(both_agree_nearly(&eight_bit, &x).contains("f32 transposed convolution 2×2"));
}

/// As [`both_agree`], for floats that are rounded in another order before they become bytes.
fn both_agree_nearly(graph: &Graph, x: &Tensor) -> String {
    let expected = ops::evaluate_graph(graph, &[("x", x)]).expect("a graph with a meaning");
    let executor = Executor::new(graph, &ExecutorOptions::default()).expect("a graph that runs");
    let found = executor.run(&[("x", x)]).expect("a run");
    let pairs = found[0].as_f32().expect("floats").iter().zip(expected[0].as_f32().expect("floats"));
    let far = pairs.filter(|(a, b)| (*a - *b).abs() > 1e-5).count();
    assert!(far * 50 <= found[0].len(), "{far} of {} differ", found[0].len());
    executor.explain()
}
