//! Quantizing warns of useless calibration data, of numbers without an eight-bit form, and of useless results.

use eightbit_graph::quantize::{CalibrationMethod, QuantizeOptions, QuantizeReport, Warning, quantize};
use eightbit_graph::{DataType, Executor, ExecutorOptions, Graph, Node, Tensor, ValueInfo};

const INPUT: [usize; 4] = [1, 3, 6, 6];

/// Pseudo-random numbers between −1 and 1 (a linear congruential generator with Knuth's MMIX constants).
fn numbers(seed: u64, shape: &[usize], factor: f32) -> Tensor {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * factor
    };
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| next()).collect();
    Tensor::new(shape, values).expect("the shape fits")
}

fn value(name: &str, shape: &[usize]) -> ValueInfo {
    let shape = shape.iter().map(|&dim| Some(dim)).collect();
    ValueInfo { name: name.to_owned(), data_type: DataType::F32, shape }
}

/// A convolution with ReLU, a mean and a classifier; weights and biases are multiplied by the factors.
fn network([conv, conv_bias, fc, fc_bias]: [f32; 4]) -> Graph {
    let constants = [
        ("w1", numbers(1, &[4, 3, 3, 3], conv)),
        ("b1", numbers(2, &[4], conv_bias)),
        ("w2", numbers(3, &[4, 5], fc)),
        ("b2", numbers(4, &[5], fc_bias)),
    ];
    Graph {
        opset: 13,
        inputs: vec![value("x", &INPUT)],
        outputs: vec![value("y", &[1, 5])],
        nodes: vec![
            Node::new("conv", "Conv", &["x", "w1", "b1"], &["c"]),
            Node::new("relu", "Relu", &["c"], &["r"]),
            Node::new("gap", "GlobalAveragePool", &["r"], &["g"]),
            Node::new("flat", "Flatten", &["g"], &["f"]),
            Node::new("fc", "Gemm", &["f", "w2", "b2"], &["y"]),
        ],
        constants: constants.map(|(name, tensor)| (name.to_owned(), tensor)).into(),
        ..Graph::default()
    }
}

fn quantized(graph: &Graph, examples: Vec<Tensor>) -> (Graph, QuantizeReport) {
    let examples: Vec<_> = examples.into_iter().map(|example| vec![example]).collect();
    let options = QuantizeOptions { method: CalibrationMethod::MinMax, ..QuantizeOptions::default() };
    quantize(graph, &examples, &options, |_| {}).expect("quantized")
}

fn examples(count: u64) -> Vec<Tensor> {
    (0..count).map(|seed| numbers(100 + seed, &INPUT, 1.0)).collect()
}

/// An image of one colour.
fn flat(colours: [f32; 3]) -> Tensor {
    Tensor::new(INPUT, colours.iter().flat_map(|&colour| [colour; 36]).collect::<Vec<_>>())
        .expect("three planes")
}

#[test]
fn nothing_is_said_about_what_is_well() {
    let (_, report) = quantized(&network([1.0, 0.5, 1.0, 0.5]), examples(12));
    assert_eq!(report.warnings, []);
}

#[test]
fn few_examples() {
    let (_, report) = quantized(&network([1.0, 0.5, 1.0, 0.5]), examples(3));
    assert_eq!(report.warnings, [Warning::FewExamples { examples: 3, advised: 10 }]);
    let text = report.warnings[0].to_string();
    assert!(text.contains("3 calibration examples") && text.contains("give at least 10"), "{text}");
}

#[test]
fn flat_examples() {
    // Black, grey, and black after each channel was normalized.
    for colours in [[0.0; 3], [0.5; 3], [-2.1, -2.0, -1.8]] {
        let (_, report) = quantized(&network([1.0, 0.5, 1.0, 0.5]), vec![flat(colours)]);
        let expected = Warning::FlatInput { input: "x".to_owned(), flat: 1, examples: 1 };
        assert!(report.warnings.contains(&expected), "{colours:?}: {:?}", report.warnings);
    }
    let half = |flat_ones: usize| {
        let mut all = examples(12);
        all[..flat_ones].fill(flat([0.0; 3]));
        quantized(&network([1.0, 0.5, 1.0, 0.5]), all).1.warnings
    };
    assert_eq!(half(5), []);
    assert_eq!(half(6), [Warning::FlatInput { input: "x".to_owned(), flat: 6, examples: 12 }]);
}

#[test]
fn activations_that_never_change() {
    // A bias larger than every product: ReLU gives zeros, and all later values are constant.
    let mut dead = network([0.1, 0.0, 1.0, 0.5]);
    dead.constants.insert("b1".to_owned(), Tensor::vector(vec![-100.0f32; 4]));
    let (graph, report) = quantized(&dead, examples(12));
    let Some(Warning::ConstantActivation { node, value, constant, others }) = report.warnings.first() else {
        panic!("{:?}", report.warnings)
    };
    assert_eq!((node.as_str(), value.as_str(), *constant, *others), ("relu", "r", 0.0, 1));
    assert_sound(&graph);
}

/// Runtimes need scales that are normal numbers and biases that leave room for the products.
fn assert_sound(graph: &Graph) {
    for node in graph
        .nodes
        .iter()
        .filter(|node| node.op.as_str().ends_with("QuantizeLinear") || node.op == "DequantizeLinear")
    {
        let scales = graph.constants[&node.inputs[1]].as_f32().expect("scales");
        assert!(scales.iter().all(|scale| scale.is_normal() && *scale > 0.0), "{}: {scales:?}", node.name);
        if let Some(Ok(integers)) = graph.constants.get(&node.inputs[0]).map(Tensor::as_i32) {
            assert!(
                integers.iter().all(|value| value.unsigned_abs() <= 1 << 30),
                "{}: {integers:?}",
                node.name
            );
        }
    }
    let executor = Executor::new(graph, &ExecutorOptions::default()).expect("a graph that runs");
    let result = executor.run(&[("x", &numbers(9, &INPUT, 1.0))]).expect("a run");
    assert!(result[0].as_f32().expect("floats").iter().all(|value| value.is_finite()));
}

/// Largest error of the eight-bit network relative to its largest result.
fn error_of(float: &Graph, eight_bit: &Graph) -> f32 {
    let x = numbers(7, &INPUT, 1.0);
    let run = |graph: &Graph| {
        let executor = Executor::new(graph, &ExecutorOptions::default()).expect("a graph that runs");
        executor.run(&[("x", &x)]).expect("a run").remove(0)
    };
    let (expected, found) = (run(float), run(eight_bit));
    let (expected, found) = (expected.as_f32().expect("floats"), found.as_f32().expect("floats"));
    let largest = expected.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    expected.iter().zip(found).fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs() / largest))
}

#[test]
fn small_and_large_weights_have_scales_as_others_do() {
    for factors in [
        [1e-9f32, 0.0, 1.0, 0.0],
        [1e-12, 1e-12, 1.0, 0.0],
        [1e12, 0.0, 1.0, 0.0],
        [1e30, 1e30, 1.0, 0.0],
        [1e30, 1e29, 1e-30, 0.5],
        [1.0, 0.5, 1e30, 1e30],
    ] {
        let float = network(factors);
        let (graph, report) = quantized(&float, examples(12));
        assert_eq!(report.warnings, [], "{factors:?}");
        assert_sound(&graph);
        let error = error_of(&float, &graph);
        assert!(error < 0.06, "{factors:?}: off by {error}");
    }
}

#[test]
fn what_has_no_scale_is_named() {
    for (factors, node, tensor) in [
        ([1e-36f32, 0.0, 1.0, 0.5], "conv", "w1"),
        ([1e35, 0.0, 1.0, 0.5], "relu", "r"),
        ([1.0, 0.5, 1e-36, 0.0], "fc", "w2"),
        // The bias takes the whole accumulator, and the weights become zeros.
        ([1e-15, 10.0, 1.0, 0.5], "conv", "w1"),
        // Small activations need large weights relative to a bias.
        ([1e-9, 0.0, 1.0, 0.5], "fc", "w2"),
    ] {
        let (graph, report) = quantized(&network(factors), examples(12));
        assert_sound(&graph);
        let found = report.warnings.iter().any(|warning| match warning {
            Warning::Scale { node: of, value, .. } => (of.as_str(), value.as_str()) == (node, tensor),
            _ => false,
        });
        assert!(found, "{factors:?}: {:?}", report.warnings);
        let text: Vec<String> = report.warnings.iter().map(ToString::to_string).collect();
        assert!(text.iter().any(|text| text.contains(&format!("node {node:?}"))), "{text:?}");
    }
}

#[test]
fn zeros_are_no_reason_to_warn() {
    let (graph, report) = quantized(&network([0.0, 0.5, 0.0, 0.5]), examples(12));
    assert!(
        !report.warnings.iter().any(|warning| matches!(warning, Warning::Scale { .. })),
        "{:?}",
        report.warnings
    );
    assert_sound(&graph);
}

/// The square of a value whose range is wide keeps few steps for most of it: a spectrogram.
#[test]
fn results_that_are_useless() {
    let mut graph = network([1.0, 0.5, 1.0, 0.5]);
    // Large values share a range with the small ones that matter; then the large ones are removed.
    graph.constants.insert("large".to_owned(), Tensor::new([1, 1, 1, 1], vec![1000.0f32]).expect("one"));
    graph.constants.insert("minus".to_owned(), Tensor::new([1, 1, 1, 1], vec![-1000.0f32]).expect("one"));
    graph.nodes.insert(0, Node::new("up", "Add", &["x", "large"], &["u"]));
    graph.nodes.insert(1, Node::new("down", "Add", &["u", "minus"], &["d"]));
    graph.nodes[2].inputs[0] = "d".to_owned();
    let (_, report) = quantized(&graph, examples(12));
    let [Warning::LowSignal { node, sqnr_db, worst, .. }] = report.warnings.as_slice() else {
        panic!("{:?}\n{:?}", report.warnings, report.layers)
    };
    assert_eq!(node, "fc");
    assert!(*sqnr_db < 10.0);
    assert!(!worst.is_empty());
}
