//! Small graphs for the tests of passes.

use crate::{DataType, Graph, Node, ValueInfo};

/// A graph from `x` to `y`, both of shape 2×2.
pub(super) fn graph(nodes: Vec<Node>) -> Graph {
    let value = |name: &str| ValueInfo {
        name: name.to_owned(),
        data_type: DataType::F32,
        shape: vec![Some(2), Some(2)],
    };
    Graph { inputs: vec![value("x")], outputs: vec![value("y")], nodes, ..Graph::default() }
}

/// The names of a graph's nodes.
pub(super) fn names(graph: &Graph) -> Vec<&str> {
    graph.nodes.iter().map(|node| node.name.as_str()).collect()
}
