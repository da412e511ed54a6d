//! Looks nodes up by name.

use std::collections::HashMap;

use super::super::TransformError;
use crate::node::node_name;
use crate::proto::NodeDef;

/// The position of each node by its name; of the last one if several share a name.
pub(crate) fn by_name(nodes: &[NodeDef]) -> HashMap<&str, usize> {
    nodes.iter().enumerate().map(|(index, node)| (node.name.as_str(), index)).collect()
}

/// The positions of the nodes that read each node, by its name.
pub(crate) fn readers(nodes: &[NodeDef]) -> HashMap<&str, Vec<usize>> {
    let mut readers = HashMap::<&str, Vec<usize>>::new();
    for (index, node) in nodes.iter().enumerate() {
        for input in &node.input {
            readers.entry(node_name(input)).or_default().push(index);
        }
    }
    readers
}

/// Checks that all inputs are nodes of the graph.
pub(crate) fn check_inputs(nodes: &[NodeDef]) -> Result<(), TransformError> {
    let names = by_name(nodes);
    let missing = |node: &NodeDef| {
        let input =
            node.input.iter().map(|input| node_name(input)).find(|&name| !names.contains_key(name))?;
        Some(format!(
            "Invalid graph with inputs referring to nonexistent nodes: Invalid input {input} for node {}",
            node.name
        ))
    };
    nodes.iter().find_map(missing).map_or(Ok(()), |reason| Err(TransformError::Invalid(reason)))
}
