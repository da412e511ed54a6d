//! Weights with one scale for all channels: written as ONNX's per-tensor form, computed in eight bits like others.

use eightbit_graph::quantize::{
    CalibrationMethod, Effort, Granularity, QuantizeOptions, QuantizeReport, quantize,
};
use eightbit_graph::{
    DataType, Executor, ExecutorOptions, Graph, Node, StepKind, Support, Tensor, ops, passes, supported,
};
use eightbit_testing::Random;

use crate::values::{floats, value};

const INPUT: [usize; 4] = [1, 3, 6, 6];

/// A convolution, a depthwise one, one of a single channel in one of two branches, and two products of matrices. Channel 5 of the first
/// is never above zero, and `loud` is the size of the weights that read it.
fn network(loud: f32) -> Graph {
    let mut random = Random(5);
    let mut bias = floats(&mut random, &[8], 0.2).as_f32().expect("floats").to_vec();
    bias[5] = -30.0;
    let mut depthwise = floats(&mut random, &[8, 1, 3, 3], 0.5).as_f32().expect("floats").to_vec();
    depthwise[5 * 9..6 * 9].fill(loud);
    let constants = [
        ("w1", floats(&mut random, &[8, 3, 3, 3], 0.4)),
        ("b1", Tensor::vector(bias)),
        ("w2", Tensor::new([8, 1, 3, 3], depthwise).expect("72 weights")),
        ("b2", floats(&mut random, &[8], 0.2)),
        ("w3", floats(&mut random, &[1, 8, 1, 1], 0.5)),
        ("w4", floats(&mut random, &[5, 36], 0.4)),
        ("b4", floats(&mut random, &[5], 0.2)),
        ("w5", floats(&mut random, &[5, 4], 0.6)),
    ];
    let pads = vec![1i64, 1, 1, 1];
    Graph {
        opset: 13,
        inputs: vec![value("x", &INPUT)],
        outputs: vec![value("y", &[1, 4])],
        nodes: vec![
            Node::new("first", "Conv", &["x", "w1", "b1"], &["a"]).with("pads", pads.clone()),
            Node::new("relu", "Relu", &["a"], &["b"]),
            Node::new("depthwise", "Conv", &["b", "w2", "b2"], &["c"]).with("pads", pads).with("group", 8),
            Node::new("single", "Conv", &["c", "w3"], &["d"]),
            Node::new("flat", "Flatten", &["d"], &["e"]),
            Node::new("gemm", "Gemm", &["e", "w4", "b4"], &["f"]).with("transB", 1),
            Node::new("matmul", "MatMul", &["f", "w5"], &["y"]),
        ],
        constants: constants.map(|(name, tensor)| (name.to_owned(), tensor)).into(),
        ..Graph::default()
    }
}

fn example(seed: u64) -> Tensor {
    floats(&mut Random(seed), &INPUT, 1.0)
}

fn quantized(float: &Graph, effort: Effort) -> (Graph, QuantizeReport) {
    let examples: Vec<_> = (0..16).map(|seed| vec![example(seed)]).collect();
    let method = CalibrationMethod::MinMax;
    let granularity = Granularity::PerTensor;
    let options = QuantizeOptions { method, granularity, effort, ..QuantizeOptions::default() };
    quantize(float, &examples, &options, |_| {}).expect("quantized")
}

/// The largest weight of the depthwise convolution that was quantized.
fn loudest(report: &QuantizeReport) -> f32 {
    report.weights.iter().find(|weights| weights.node == "depthwise").expect("in eight bits").range.max
}

#[test]
fn one_scale_for_all_channels_runs_in_eight_bits() {
    let float = network(0.5);
    for effort in [Effort::None, Effort::Low, Effort::Medium, Effort::High] {
        let (eight_bit, report) = quantized(&float, effort);
        assert_eq!(report.float().count(), 0, "{:?}", report.float().collect::<Vec<_>>());
        assert_eq!(report.weights.len(), 5);
        assert!(report.weights.iter().all(|weights| weights.scales == 1), "{:?}", report.weights);

        let written = eight_bit.to_onnx_bytes().expect("written");
        let read = Graph::from_onnx_bytes(&written).expect("read");
        let producers = read.producers().expect("names");
        for weights in &report.weights {
            let node = read.nodes.iter().find(|node| node.name == weights.node).expect("kept");
            for input in &node.inputs[1..] {
                let source = &read.nodes[producers[input.as_str()]];
                let parameters = source.inputs[1..].iter().map(|name| &read.constants[name]);
                assert!(parameters.into_iter().all(|tensor| tensor.rank() == 0), "{source:?}");
                assert!(!source.attributes.contains_key("axis"), "{source:?}");
                let data_type = read.constants[&source.inputs[0]].data_type();
                assert!(matches!(data_type, DataType::I8 | DataType::I32), "{data_type}");
            }
        }

        let support = supported(&read, &ExecutorOptions::default()).expect("consistent");
        let slow = |how: &&Support| {
            matches!(
                how,
                Support::Step { kind: StepKind::Float | StepKind::Plain, .. } | Support::Refused { .. }
            )
        };
        assert_eq!(support.iter().find(slow), None);
        let executor = Executor::new(&read, &ExecutorOptions::default()).expect("a graph that runs");
        let fused = passes::fuse_quantized(&read).expect("a graph with a meaning");
        for seed in 0..16 {
            let x = example(seed);
            let found = executor.run(&[("x", &x)]).expect("a run");
            let plain = ops::evaluate_graph(&fused, &[("x", &x)]).expect("a graph with a meaning");
            assert_eq!(found[0].as_f32().expect("floats"), plain[0].as_f32().expect("floats"));
            let exact = ops::evaluate_graph(&float, &[("x", &x)]).expect("a graph with a meaning");
            let pairs = found[0].as_f32().expect("floats").iter().zip(exact[0].as_f32().expect("floats"));
            let worst = pairs.fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs()));
            assert!(worst < 0.3, "off by {worst}");
        }
    }
}

#[test]
fn weights_of_silent_channels_take_no_steps_of_others() {
    let float = network(1000.0);
    let (_, without) = quantized(&float, Effort::None);
    let (_, with) = quantized(&float, Effort::Low);
    let aid = with.aids.iter().find(|aid| aid.name.contains("silent")).expect("tried");
    assert!(aid.kept && aid.error_after < aid.error_before / 10.0, "{aid:?}");
    assert_eq!(loudest(&without), 1000.0);
    assert!(loudest(&with) <= 0.5);
    let (_, even) = quantized(&network(0.3), Effort::Low);
    assert!(even.aids.iter().all(|aid| !aid.name.contains("silent")), "{:?}", even.aids);
}
