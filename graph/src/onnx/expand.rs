//! Replaces nodes that mean a few nodes of other operators.

use crate::ops::shared::upgrade::Constants;
use crate::{Error, Graph};

/// Replaces the nodes whose operators have an expansion.
pub(super) fn expand(graph: &mut Graph) -> Result<(), Error> {
    let mut constants = Constants::new(graph);
    let mut nodes = Vec::new();
    for node in constants.take_nodes() {
        match node.operator().and_then(|operator| operator.expand) {
            Some(expand) => nodes.extend(expand(&node, &mut constants)?),
            None => nodes.push(node),
        }
    }
    graph.nodes = nodes;
    Ok(())
}
