//! `Split` moves bytes: a network with channels that are split, computed and joined again is eight-bit throughout.

use eightbit_graph::quantize::{QuantizeOptions, Role, quantize};
use eightbit_graph::{Executor, ExecutorOptions, Graph, Node, Tensor, ops};
use eightbit_testing::Random;

use crate::values::{floats, value};

const INPUT: [usize; 4] = [1, 4, 5, 6];

/// The unit of ShuffleNet V2: one half of the channels passes by.
fn network() -> Graph {
    let mut random = Random(11);
    let constants = [
        ("w1", floats(&mut random, &[4, 4, 1, 1], 0.7)),
        ("w2", floats(&mut random, &[2, 2, 3, 3], 0.4)),
        ("sizes", Tensor::vector([2i64, 2])),
    ];
    Graph {
        opset: 13,
        inputs: vec![value("x", &INPUT)],
        outputs: vec![value("y", &INPUT)],
        nodes: vec![
            Node::new("first", "Conv", &["x", "w1"], &["c"]),
            Node::new("split", "Split", &["c", "sizes"], &["left", "right"]).with("axis", 1),
            Node::new("second", "Conv", &["right", "w2"], &["d"]).with("pads", vec![1, 1, 1, 1]),
            Node::new("join", "Concat", &["left", "d"], &["y"]).with("axis", 1),
        ],
        constants: constants.map(|(name, tensor)| (name.to_owned(), tensor)).into(),
        ..Graph::default()
    }
}

#[test]
fn a_split_between_bytes_moves_bytes() {
    let float = network();
    let examples: Vec<_> = (0..12).map(|seed| vec![floats(&mut Random(seed), &INPUT, 1.0)]).collect();
    let (eight_bit, report) =
        quantize(&float, &examples, &QuantizeOptions::default(), |_| {}).expect("quantized");
    let split = report.nodes.iter().find(|node| node.name == "split").expect("reported");
    assert_eq!(split.role, Role::Quantized);
    assert_eq!(report.float().count(), 0, "{:?}", report.float().collect::<Vec<_>>());

    let bytes = eight_bit.to_onnx_bytes().expect("written");
    let eight_bit = Graph::from_onnx_bytes(&bytes).expect("read");
    let executor = Executor::new(&eight_bit, &ExecutorOptions::default()).expect("a graph that runs");
    // The input is quantized, the output dequantized, and nothing between.
    let how = executor.explain();
    assert_eq!(how.matches("quantize\n").count(), 2, "{how}");
    for seed in 0..12 {
        let x = floats(&mut Random(seed), &INPUT, 1.0);
        let expected = ops::evaluate_graph(&float, &[("x", &x)]).expect("a graph with a meaning");
        let found = executor.run(&[("x", &x)]).expect("a run");
        let pairs = found[0].as_f32().expect("floats").iter().zip(expected[0].as_f32().expect("floats"));
        let worst = pairs.fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs()));
        assert!(worst < 0.06, "off by {worst}");
    }
}
