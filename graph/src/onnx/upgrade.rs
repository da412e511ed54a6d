//! Rewrites nodes of older operator sets by their operators' rules: to operator set 13, or to a later one that changed an operator.

use crate::ops::shared::upgrade::Constants;
use crate::{Error, Graph};

/// Rewrites the nodes of a graph from operator set `version`. Nodes of operators that are not implemented are unchanged.
pub(super) fn upgrade(graph: &mut Graph, version: i64) -> Result<(), Error> {
    let mut constants = Constants::new(graph);
    let mut nodes = Vec::new();
    for node in constants.take_nodes() {
        match node.operator().filter(|_| node.op.domain().is_empty()) {
            Some(operator) => nodes.extend((operator.upgrade)(node, version, &mut constants)?),
            None => nodes.push(node),
        }
    }
    graph.nodes = nodes;
    Ok(())
}
