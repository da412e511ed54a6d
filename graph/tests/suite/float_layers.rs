//! Layers that stay float between eight-bit ones: pinned in the file, and run as if they were not.

use eightbit_graph::compare::Comparer;
use eightbit_graph::quantize::{Effort, QuantizeOptions, QuantizeReport, quantize};
use eightbit_graph::shapes::ShapeOptions;
use eightbit_graph::{Executor, ExecutorOptions, Graph, ops, passes};

use crate::quantize::{examples, network};

/// The network with its depthwise layer in float.
fn with_float_layer(effort: Effort) -> (Graph, QuantizeReport) {
    let float = [("dw".to_owned(), "asked for".to_owned())].into();
    let options = QuantizeOptions { effort, float, ..QuantizeOptions::default() };
    quantize(network(), &examples(16), &options, |_| {}).expect("quantized")
}

/// The names of the nodes that copy their only input.
fn sums(graph: &Graph) -> Vec<&str> {
    graph.nodes.iter().filter(|node| node.op == "Sum").map(|node| node.name.as_str()).collect()
}

#[test]
fn a_float_layer_is_pinned_at_no_cost() {
    for effort in [Effort::None, Effort::Medium] {
        let (pinned, report) = with_float_layer(effort);
        assert_eq!(sums(&pinned), ["pinned"]);
        let depthwise = pinned.nodes.iter().find(|node| node.name == "dw").expect("is there");
        assert_eq!(depthwise.inputs[0], "pinned");
        let layers: Vec<&str> = report.layers.iter().map(|layer| layer.node.as_str()).collect();
        assert_eq!(layers, ["conv", "add", "gap", "fc"]);

        let bytes = pinned.to_onnx_bytes().expect("written");
        let read = Graph::from_onnx_bytes(&bytes).expect("read");
        let plain = passes::remove_nodes(pinned.clone()).expect("sound");
        assert!(sums(&plain).is_empty());
        let executor = |graph: &Graph| Executor::new(graph, &ExecutorOptions::default()).expect("runs");
        let (with, without) = (executor(&read), executor(&plain));
        assert_eq!(with.explain(), without.explain(), "the same steps");
        for example in examples(8) {
            let inputs = [("x", &example[0])];
            let found = with.run(&inputs).expect("runs");
            assert_eq!(found, without.run(&inputs).expect("runs"));
            let expected = ops::evaluate_graph(&pinned, &inputs).expect("runs");
            let pairs = found[0].as_f32().expect("floats").iter().zip(expected[0].as_f32().expect("floats"));
            for (found, expected) in pairs {
                assert!((found - expected).abs() < 0.1, "{found} is not {expected}");
            }
        }
    }
}

#[test]
fn a_comparison_does_not_see_the_pin() {
    let float = network();
    let (pinned, _) = with_float_layer(Effort::None);
    let plain = passes::remove_nodes(pinned.clone()).expect("sound");
    let [found, expected] = [&pinned, &plain].map(|eight_bit| {
        let mut comparer =
            Comparer::new(&float, eight_bit, &ShapeOptions::default()).expect("the same network");
        comparer.observe(&[("x", &examples(1)[0][0])]).expect("an example");
        comparer.finish()
    });
    assert_eq!(found, expected);
    assert!(found.values.iter().any(|value| value.node == "dw" && value.other_node == "dw"), "{found:?}");
}
