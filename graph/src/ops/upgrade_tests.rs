//! Tests of nodes of older operator sets.

use super::shared::upgrade::Constants;
use crate::{Graph, Node, Tensor};

/// The only node that the operator of `node` makes of it, and the graph with its constants.
fn upgraded(node: Node, version: i64) -> (Node, Graph) {
    let mut graph = Graph::default();
    let upgrade = node.operator().expect("an operator").upgrade;
    let mut nodes = upgrade(node, version, &mut Constants::new(&mut graph)).expect("a node that can be read");
    assert_eq!(nodes.len(), 1);
    (nodes.remove(0), graph)
}

#[test]
fn upsample_is_a_resize_that_multiplies_coordinates() {
    let old = Node::new("n", "Upsample", &["x"], &["y"]).with("scales", vec![1.0f32, 2.0]);
    for (old, version) in [(old, 7), (Node::new("n", "Upsample", &["x", "s"], &["y"]), 9)] {
        let (node, graph) = upgraded(old, version);
        assert!(node.op == *"Resize" && node.inputs.len() == 3 && node.inputs[1].is_empty());
        assert_eq!(node.string("coordinate_transformation_mode", "").expect("text"), "asymmetric");
        assert_eq!(node.string("nearest_mode", "").expect("text"), "floor");
        if version == 7 {
            assert_eq!(graph.constants[&node.inputs[2]], Tensor::vector([1.0f32, 2.0]));
        } else {
            assert_eq!(node.inputs[2], "s");
        }
    }
    let (resize, _) = upgraded(Node::new("n", "Resize", &["x", "s"], &["y"]), 10);
    assert_eq!(resize.inputs, ["x", "", "s"]);
    let (newer, _) = upgraded(Node::new("n", "Resize", &["x", "", "s"], &["y"]), 11);
    assert_eq!(newer, Node::new("n", "Resize", &["x", "", "s"], &["y"]));
}

#[test]
fn other_operators_changed_too() {
    let (node, graph) = upgraded(Node::new("n", "TopK", &["x"], &["v", "i"]).with("k", 3), 9);
    assert_eq!(graph.constants[&node.inputs[1]], Tensor::vector([3i64]));
    let (node, _) = upgraded(Node::new("n", "Scatter", &["x", "i", "u"], &["y"]).with("axis", 1), 9);
    assert!(node.op == *"ScatterElements" && node.int("axis", 0).expect("an integer") == 1);
    let roi = || Node::new("n", "RoiAlign", &["x", "r", "i"], &["y"]);
    let mode = |version| {
        let (node, _) = upgraded(roi(), version);
        node.optional_string("coordinate_transformation_mode").expect("text").map(str::to_owned)
    };
    assert_eq!(
        (mode(10).as_deref(), mode(15).as_deref(), mode(16)),
        (Some("output_half_pixel"), Some("output_half_pixel"), None)
    );
    // The attribute is one of operator set 16.
    assert_eq!([10, 15, 16].map(|version| upgraded(roi(), version).1.opset), [16, 16, 0]);
}
