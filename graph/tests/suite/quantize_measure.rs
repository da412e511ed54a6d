//! The errors that quantizing reports are those of the values after fused activations, in the float network and in the
//! eight-bit one.

use eightbit_graph::quantize::{CalibrationMethod, QuantizeOptions, QuantizeReport, Warning, quantize};
use eightbit_graph::{DataType, Graph, Node, Tensor, ValueInfo, ops};

const IMAGE: [usize; 4] = [1, 3, 6, 6];
const MATRIX: [usize; 2] = [8, 12];

/// Pseudo-random numbers between −1 and 1 (a linear congruential generator with Knuth's MMIX constants).
fn numbers(seed: u64, shape: &[usize]) -> Tensor {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| next()).collect();
    Tensor::new(shape, values).expect("the shape fits")
}

fn network(input: &[usize], nodes: Vec<Node>) -> Graph {
    let value = |name: &str, shape: Vec<Option<usize>>| ValueInfo {
        name: name.to_owned(),
        data_type: DataType::F32,
        shape,
    };
    let shape: Vec<Option<usize>> = input.iter().map(|&size| Some(size)).collect();
    let constants = [
        ("w", numbers(1, &[3, 3, 3, 3])),
        ("v", numbers(2, &[3, 3, 1, 1])),
        ("b", numbers(3, &[3])),
        ("m", numbers(4, &[12, 12])),
        ("n", numbers(5, &[12, 12])),
        ("mb", numbers(6, &[12])),
        ("zero", Tensor::scalar(0.0f32)),
        ("half", Tensor::scalar(0.5f32)),
        ("minus", Tensor::scalar(-0.25f32)),
        ("six", Tensor::scalar(6.0f32)),
    ];
    Graph {
        opset: 13,
        inputs: vec![value("x", shape.clone())],
        outputs: vec![value("y", vec![None; input.len()])],
        nodes,
        constants: constants.map(|(name, tensor)| (name.to_owned(), tensor)).into(),
        ..Graph::default()
    }
}

/// Nodes from `x` to `h`, of each kind that activations are fused into, with the shape of `x`.
fn producers() -> Vec<(&'static str, &'static [usize], Vec<Node>)> {
    let conv = |weights: &str, to: &str| {
        let node = Node::new(to, "Conv", &["x", weights, "b"], &[to]);
        if weights == "w" { node.with("pads", vec![1i64, 1, 1, 1]) } else { node }
    };
    let gemm = |weights: &str, to: &str| Node::new(to, "Gemm", &["x", weights, "mb"], &[to]);
    let concat =
        |parts: &[&str], to: &str, axis: i64| Node::new(to, "Concat", parts, &[to]).with("axis", axis);
    let convs = [conv("w", "p"), conv("v", "q")];
    let with_convs = |nodes: &[Node]| [&convs[..], nodes].concat();
    let nested = [
        concat(&["p", "q"], "i", 2),
        Node::new("j", "Relu", &["i"], &["j"]),
        conv("v", "k"),
        concat(&["j", "k"], "h", 2),
    ];
    vec![
        ("conv", &IMAGE, vec![conv("w", "h")]),
        ("gemm", &MATRIX, vec![gemm("m", "h")]),
        ("matmul", &MATRIX, vec![Node::new("h", "MatMul", &["x", "m"], &["h"])]),
        ("add", &IMAGE, with_convs(&[Node::new("h", "Add", &["p", "q"], &["h"])])),
        ("concat", &IMAGE, with_convs(&[concat(&["p", "q"], "h", 1)])),
        ("concat of gemms", &MATRIX, vec![gemm("m", "p"), gemm("n", "q"), concat(&["p", "q"], "h", -1)]),
        ("nested concat", &IMAGE, with_convs(&nested)),
    ]
}

/// Nodes from `h` to `y`, with the bounds that they clamp to.
fn activations() -> Vec<(&'static str, [f32; 2], Vec<Node>)> {
    let clip = |from: &str, low: &str, high: &str, to: &str| Node::new(to, "Clip", &[from, low, high], &[to]);
    let relu = |to: &str| Node::new(to, "Relu", &["h"], &[to]);
    vec![
        ("relu", [0.0, f32::INFINITY], vec![relu("y")]),
        ("relu6", [0.0, 6.0], vec![clip("h", "zero", "six", "y")]),
        ("clip", [-0.25, 0.5], vec![clip("h", "minus", "half", "y")]),
        ("clip from below", [-0.25, f32::INFINITY], vec![clip("h", "minus", "", "y")]),
        ("relu and clip", [0.0, 0.5], vec![relu("g"), clip("g", "minus", "half", "y")]),
    ]
}

fn quantized(graph: &Graph, examples: &[Tensor], measured: usize) -> (Graph, QuantizeReport) {
    let options =
        QuantizeOptions { method: CalibrationMethod::MinMax, measured, ..QuantizeOptions::default() };
    let examples: Vec<Vec<Tensor>> = examples.iter().map(|example| vec![example.clone()]).collect();
    quantize(graph, &examples, &options, |_| {}).expect("quantized")
}

/// The value `name` of `graph`.
fn computed(graph: &Graph, name: &str, x: &Tensor) -> Vec<f32> {
    let mut graph = graph.clone();
    name.clone_into(&mut graph.outputs[0].name);
    let values = ops::evaluate_graph(&graph, &[("x", x)]).expect("a graph with a meaning");
    values[0].as_f32().expect("floats").to_vec()
}

/// The signal-to-noise ratio in decibels of what `bounds` leave of `found`.
fn decibels(expected: &[f32], found: &[f32], bounds: [f32; 2]) -> f64 {
    let (mut signal, mut noise) = (0.0, 0.0);
    for (expected, found) in expected.iter().zip(found) {
        let [expected, found] = [expected, found].map(|value| f64::from(value.clamp(bounds[0], bounds[1])));
        signal += expected * expected;
        noise += (expected - found) * (expected - found);
    }
    10.0 * (signal / noise).log10()
}

#[test]
fn errors_are_those_after_every_fused_activation() {
    let everything = [f32::NEG_INFINITY, f32::INFINITY];
    for (producer, shape, before) in producers() {
        for (activation, bounds, after) in activations() {
            let name = format!("{producer}, {activation}");
            let float = network(shape, [before.clone(), after].concat());
            let examples: Vec<Tensor> = (0..12).map(|seed| numbers(100 + seed, shape)).collect();
            let (eight_bit, report) = quantized(&float, &examples, 1);
            assert_eq!(report.warnings, [], "{name}: {:?}", report.layers);
            assert!(report.layers.iter().any(|layer| layer.value == "y"), "{name}");
            for layer in &report.layers {
                let is_joined = producer.contains("concat") && layer.value != "y";
                let bounds = match (layer.value.as_str(), is_joined) {
                    (_, false) => everything,
                    // The inner Relu clamps first.
                    ("p" | "q", true) if producer == "nested concat" => [0.0, bounds[1].max(0.0)],
                    (_, true) => bounds,
                };
                let [expected, found] =
                    [&float, &eight_bit].map(|graph| computed(graph, &layer.value, &examples[0]));
                let together = decibels(&expected, &found, bounds);
                let close = (layer.accumulated_sqnr_db - together).abs() < 0.01;
                assert!(close, "{name}: {layer:?}, but {together} dB");
                assert!(layer.sqnr_db > 25.0 && layer.sqnr_db.is_finite(), "{name}: {layer:?}");
            }
        }
    }
}

/// An activation after a concatenation does not hide that one of its inputs is lost.
#[test]
fn what_is_lost_before_an_activation_is_reported() {
    let conv = |from: &str, weights: &str, to: &str| Node::new(to, "Conv", &[from, weights], &[to]);
    let nodes = vec![
        conv("x", "v", "p"),
        conv("x", "large", "q"),
        Node::new("h", "Concat", &["p", "q"], &["h"]).with("axis", 1),
        Node::new("y", "Relu", &["h"], &["y"]),
    ];
    let mut float = network(&IMAGE, nodes);
    let large: Vec<f32> =
        numbers(2, &[3, 3, 1, 1]).as_f32().expect("floats").iter().map(|weight| weight * 1e4).collect();
    float.constants.insert("large".to_owned(), Tensor::new([3, 3, 1, 1], large).expect("the shape fits"));
    let examples: Vec<Tensor> = (0..12).map(|seed| numbers(100 + seed, &IMAGE)).collect();
    let (_, report) = quantized(&float, &examples, 4);
    let [Warning::LowSignal { node, .. }] = report.warnings.as_slice() else {
        panic!("{:?}", report.warnings)
    };
    assert_eq!(node, "p");
}
