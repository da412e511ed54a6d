//! Nodes of older operator sets, rewritten to what operator set 13 says, as their operators know it.

use super::DEFAULT_OPSET;
use crate::ops::shared::upgrade::Constants;
use crate::{Error, Graph};

/// Rewrites the nodes of a graph of operator set `version` for operator set 13; later ones stay as they are, and so do those of
/// operators that are not implemented.
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
