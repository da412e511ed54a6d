//! Rewrites nodes of older operator sets to operator set 13, by their operators' rules.

use super::opset::DEFAULT_OPSET;
use crate::ops::shared::upgrade::Constants;
use crate::{Error, Graph};

/// Rewrites the nodes of a graph from operator set `version` to operator set 13. Nodes of later sets and of operators that
/// are not implemented are unchanged.
pub(super) fn upgrade(graph: &mut Graph, version: i64) -> Result<(), Error> {
    if version >= DEFAULT_OPSET {
        return Ok(());
    }
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
