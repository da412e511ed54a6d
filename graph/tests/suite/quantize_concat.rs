//! Concatenations whose only reader is an activation become eight-bit, with any producers and any nesting.

use eightbit_graph::quantize::{CalibrationMethod, QuantizeOptions, quantize};
use eightbit_graph::{Executor, ExecutorOptions, Graph, Node, Tensor, ops};
use eightbit_testing::Random;

use crate::values::{floats, value};

const INPUT: [usize; 4] = [1, 2, 4, 4];

fn numbers(seed: u64, shape: &[usize], factor: f32) -> Tensor {
    floats(&mut Random(seed), shape, factor)
}

fn graph(nodes: Vec<Node>, output: &[usize]) -> Graph {
    let constants = [
        ("w", numbers(1, &[2, 2, 1, 1], 0.7)),
        ("v", numbers(2, &[2, 2, 3, 3], 0.4)),
        ("c", numbers(3, &INPUT, 1.5)),
        ("zero", Tensor::scalar(0.0f32)),
        ("one", Tensor::scalar(1.0f32)),
        ("low", Tensor::scalar(-0.5f32)),
    ];
    Graph {
        opset: 13,
        inputs: vec![value("x", &INPUT)],
        outputs: vec![value("y", output)],
        nodes,
        constants: constants.map(|(name, tensor)| (name.to_owned(), tensor)).into(),
        ..Graph::default()
    }
}

fn conv(from: &str, weights: &str, to: &str) -> Node {
    let node = Node::new(to, "Conv", &[from, weights], &[to]);
    if weights == "v" { node.with("pads", vec![1i64, 1, 1, 1]) } else { node }
}

fn concat(parts: &[&str], to: &str, axis: i64) -> Node {
    Node::new(to, "Concat", parts, &[to]).with("axis", axis)
}

fn relu(from: &str, to: &str) -> Node {
    Node::new(to, "Relu", &[from], &[to])
}

fn clip(from: &str, low: &str, to: &str) -> Node {
    Node::new(to, "Clip", &[from, low, "one"], &[to])
}

/// Quantizes the network; its results must be within two roundings to bytes, by both ways to run it.
fn check(name: &str, nodes: Vec<Node>, output: &[usize]) {
    let float = graph(nodes, output);
    let options = QuantizeOptions { method: CalibrationMethod::MinMax, ..QuantizeOptions::default() };
    let examples: Vec<_> = (0..12).map(|seed| vec![numbers(seed, &INPUT, 1.0)]).collect();
    let (eight_bit, report) =
        quantize(&float, &examples, &options, |_| {}).unwrap_or_else(|error| panic!("{name}: {error}"));
    eight_bit.validate().expect("sound");
    let bytes = eight_bit.to_onnx_bytes().expect("written");
    let eight_bit = Graph::from_onnx_bytes(&bytes).expect("read");
    assert_eq!(report.warnings, [], "{name}: {:?}", report.layers);
    assert_eq!(report.float().count(), 0, "{name}: {:?}", report.float().collect::<Vec<_>>());
    let executor = Executor::new(&eight_bit, &ExecutorOptions::default()).expect("a graph that runs");
    for seed in 0..12 {
        let x = numbers(seed, &INPUT, 1.0);
        let expected = ops::evaluate_graph(&float, &[("x", &x)]).expect("a graph with a meaning");
        let plain = ops::evaluate_graph(&eight_bit, &[("x", &x)]).expect("a graph with a meaning");
        let run = executor.run(&[("x", &x)]).expect("a run");
        assert_eq!(run[0].shape(), expected[0].shape(), "{name}");
        let expected = expected[0].as_f32().expect("floats");
        for found in [&plain[0], &run[0]] {
            let found = found.as_f32().expect("floats");
            let worst = found.iter().zip(expected).fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs()));
            assert!(worst < 0.06, "{name}: off by {worst}");
        }
    }
}

#[test]
fn of_any_axis_and_producer() {
    for (axis, output) in [(1, [1, 4, 4, 4]), (2, [1, 2, 8, 4]), (-1, [1, 2, 4, 8]), (0, [2, 2, 4, 4])] {
        let convs = || vec![conv("x", "w", "a"), conv("x", "v", "b"), concat(&["a", "b"], "h", axis)];
        check("relu", [convs(), vec![relu("h", "y")]].concat(), &output);
        check("clip", [convs(), vec![clip("h", "low", "y")]].concat(), &output);
        check("chain", [convs(), vec![relu("h", "g"), clip("g", "zero", "y")]].concat(), &output);
        // Read by a product, and by two nodes.
        let moved = Node::new("y", "MaxPool", &["g"], &["y"]).with("kernel_shape", vec![1i64, 1]);
        check("moved", [convs(), vec![relu("h", "g"), moved]].concat(), &output);
        check(
            "twice",
            [convs(), vec![relu("h", "g"), Node::new("y", "Add", &["g", "g"], &["y"])]].concat(),
            &output,
        );
        // The input of the graph, a constant, and an input that is read elsewhere.
        check("x", vec![conv("x", "w", "a"), concat(&["a", "x"], "h", axis), relu("h", "y")], &output);
        check("constant", vec![conv("x", "w", "a"), concat(&["c", "a"], "h", axis), relu("h", "y")], &output);
        let pool = Node::new("b", "MaxPool", &["x"], &["b"]).with("kernel_shape", vec![1i64, 1]);
        check(
            "pool",
            vec![conv("x", "w", "a"), pool, concat(&["a", "b"], "h", axis), relu("h", "y")],
            &output,
        );
        let shared =
            vec![conv("x", "w", "a"), conv("a", "v", "b"), concat(&["a", "b"], "h", axis), relu("h", "y")];
        check("shared", shared, &output);
        check("same", vec![conv("x", "w", "a"), concat(&["a", "a"], "h", axis), relu("h", "y")], &output);
        let activated = vec![conv("x", "w", "a"), clip("a", "low", "b"), conv("x", "v", "e")];
        check(
            "activated",
            [activated, vec![concat(&["b", "e"], "h", axis), relu("h", "y")]].concat(),
            &output,
        );
    }
}

#[test]
fn nested() {
    let inner =
        || vec![conv("x", "w", "a"), conv("x", "v", "b"), concat(&["a", "b"], "h", 1), conv("x", "w", "d")];
    let output = [1, 6, 4, 4];
    check("outer", [inner(), vec![concat(&["h", "d"], "k", 1), relu("k", "y")]].concat(), &output);
    check("inner", [inner(), vec![relu("h", "g"), concat(&["g", "d"], "y", 1)]].concat(), &output);
    let both = vec![relu("h", "g"), concat(&["d", "g"], "k", 1), clip("k", "low", "y")];
    check("both", [inner(), both].concat(), &output);
    let third = vec![relu("h", "g"), concat(&["g", "d"], "k", 1), relu("k", "l"), conv("x", "v", "e")];
    check(
        "third",
        [inner(), third, vec![concat(&["l", "e"], "m", 1), relu("m", "y")]].concat(),
        &[1, 8, 4, 4],
    );
}

/// A unit of ShuffleNet: channels are concatenated, activated and shuffled.
#[test]
fn shuffled_channels() {
    let nodes = vec![
        conv("x", "w", "a"),
        conv("x", "v", "b"),
        concat(&["a", "b"], "h", 1),
        relu("h", "g"),
        Node::new("split", "Reshape", &["g", "groups"], &["s"]),
        Node::new("swap", "Transpose", &["s"], &["t"]).with("perm", vec![0i64, 2, 1, 3, 4]),
        Node::new("y", "Reshape", &["t", "whole"], &["y"]),
    ];
    let shapes = |graph: &mut Graph| {
        graph.constants.insert("groups".to_owned(), Tensor::vector(vec![1i64, 2, 2, 4, 4]));
        graph.constants.insert("whole".to_owned(), Tensor::vector(vec![1i64, 4, 4, 4]));
    };
    let mut float = graph(nodes, &[1, 4, 4, 4]);
    shapes(&mut float);
    let examples = [vec![numbers(0, &INPUT, 1.0)]];
    let (eight_bit, _) = quantize(&float, &examples, &QuantizeOptions::default(), |_| {}).expect("quantized");
    let x = numbers(0, &INPUT, 1.0);
    let run = |graph| ops::evaluate_graph(graph, &[("x", &x)]).expect("a graph with a meaning").remove(0);
    let (expected, found) = (run(&float), run(&eight_bit));
    let pairs = expected.as_f32().expect("floats").iter().zip(found.as_f32().expect("floats"));
    assert!(pairs.fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs())) < 0.06);
}
