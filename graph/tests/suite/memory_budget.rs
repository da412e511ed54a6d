//! What is allocated stays within `Limits::max_bytes`, or there is an error before it is.

use allocation_counter::measure;
use eightbit_graph::quantize::{CalibrationMethod, QuantizeOptions, QuantizeReport, Warning, quantize};
use eightbit_graph::{DataType, Error, Executor, ExecutorOptions, Graph, Limits, Node, Tensor, ValueInfo};

fn value(name: &str, shape: Vec<Option<usize>>) -> ValueInfo {
    ValueInfo { name: name.to_owned(), data_type: DataType::F32, shape }
}

/// A file of a few hundred bytes: each node doubles the one input. With `relu`, activations lie between them.
fn doubling(times: usize, relu: bool, batch: Option<usize>) -> Graph {
    let mut nodes = Vec::new();
    for at in 0..times {
        let mut from = if at == 0 { "x".to_owned() } else { format!("v{at}") };
        if relu {
            let to = format!("r{at}");
            nodes.push(Node::new(&to, "Relu", &[&from], &[&to]));
            from = to;
        }
        let to = if at + 1 == times { "y".to_owned() } else { format!("v{}", at + 1) };
        nodes.push(Node::new(&to, "Concat", &[&from, &from], &[&to]).with("axis", 1));
    }
    Graph {
        opset: 13,
        inputs: vec![value("x", vec![batch, Some(1 << 10)])],
        outputs: vec![value("y", vec![None, None])],
        nodes,
        ..Graph::default()
    }
}

fn numbers(len: usize) -> Vec<f32> {
    (0..len).map(|at| (at * 37 % 256) as f32 / 128.0 - 1.0).collect()
}

/// What the test itself and the structures of graphs and plans take.
const SLACK: u64 = 1 << 20;

fn quantized(graph: &Graph, max_bytes: u64) -> (Result<(Graph, QuantizeReport), Error>, u64) {
    let options = QuantizeOptions {
        method: CalibrationMethod::MinMax,
        limits: Limits { max_bytes, ..Limits::default() },
        ..QuantizeOptions::default()
    };
    let mut result = None;
    let counted = measure(|| {
        let example = || vec![Tensor::new([1, 1 << 10], numbers(1 << 10)).expect("fits")];
        result = Some(quantize(graph, &[example(), example()], &options, |_| {}));
    });
    (result.expect("it ran"), counted.bytes_max)
}

#[test]
fn quantizing_stays_within_the_budget() {
    for (relu, batch) in [(false, Some(1)), (true, Some(1)), (true, None)] {
        let graph = doubling(11, relu, batch);
        let (mut refused, mut not_measured, mut complete) = (0, 0, 0);
        for mebibytes in [4, 6, 9, 12, 15, 18, 24, 32, 40, 64, 128] {
            let (result, taken) = quantized(&graph, mebibytes << 20);
            assert!(taken <= (mebibytes << 20) + SLACK, "{mebibytes} MiB allowed, {taken} bytes taken");
            match result {
                Err(Error::OverLimit { limit, .. }) => {
                    assert_eq!(limit, mebibytes << 20);
                    assert!(taken < SLACK, "refused after {taken} bytes were taken");
                    refused += 1;
                }
                Err(error) => panic!("{error}"),
                Ok((_, report)) => {
                    let is_missing = |warning: &Warning| matches!(warning, Warning::NotMeasured { .. });
                    let missing = report.warnings.iter().any(is_missing);
                    assert!(!missing || report.layers.is_empty());
                    *(if missing { &mut not_measured } else { &mut complete }) += 1;
                }
            }
        }
        assert!(refused > 0 && complete > 0, "{refused} refused, {not_measured} not measured, {complete}");
        assert!(!relu || not_measured > 0, "{refused} refused, {complete} complete");
    }
}

/// A float network whose weights are most of it: a convolution with a batch norm, and a product.
fn heavy() -> Graph {
    let channels = 256;
    let tensor = |shape: &[usize]| Tensor::new(shape, numbers(shape.iter().product())).expect("fits");
    let constants = [
        ("w", tensor(&[channels, channels, 3, 3])),
        ("s", Tensor::vector(vec![1.5f32; channels])),
        ("v", Tensor::vector(vec![0.5f32; channels])),
        ("m", tensor(&[channels, 2048])),
    ];
    Graph {
        opset: 13,
        inputs: vec![value("x", vec![None, Some(channels), Some(3), Some(3)])],
        outputs: vec![value("y", vec![None, Some(2048)])],
        nodes: vec![
            Node::new("conv", "Conv", &["x", "w"], &["c"]),
            Node::new("norm", "BatchNormalization", &["c", "s", "s", "s", "v"], &["n"]),
            Node::new("flat", "Flatten", &["n"], &["f"]),
            Node::new("fc", "MatMul", &["f", "m"], &["y"]),
        ],
        constants: constants.map(|(name, tensor)| (name.to_owned(), tensor)).into(),
        ..Graph::default()
    }
}

#[test]
fn making_an_executor_counts_folded_and_packed_weights() {
    let graph = heavy();
    let weights: u64 = graph.constants.values().map(|tensor| 4 * tensor.len() as u64).sum();
    let made = |max_bytes: u64| {
        let mut options = ExecutorOptions::default();
        options.shapes.limits = Limits { max_bytes, ..Limits::default() };
        let mut result = None;
        let counted = measure(|| result = Some(Executor::new(&graph, &options).map(drop)));
        (result.expect("it ran"), counted.bytes_max)
    };
    let (result, taken) = made(4 << 30);
    result.expect("a graph that runs");
    // The convolution's weights, folded; both products' weights, packed. The graph's own are shared.
    assert!(taken < 2 * weights + SLACK, "{taken} for {weights} bytes of weights");
    let mut refused = 0;
    for tenths in 10..40 {
        let max_bytes = weights * tenths / 10;
        let (result, taken) = made(max_bytes);
        assert!(taken + weights <= max_bytes.max(2 * weights) + SLACK, "{tenths}: {taken} for {weights}");
        match result {
            Ok(()) => assert!(taken + weights <= max_bytes + SLACK),
            Err(Error::OverLimit { .. }) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!((1..29).contains(&refused), "{refused} refused");
}
