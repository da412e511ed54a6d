//! Replaces nodes that mean a few nodes of other operators.

use crate::ops::shared::upgrade::Constants;
use crate::{Error, Graph, Limits};

/// Replaces the nodes whose operators have an expansion. Their constants may take no more than the limits.
pub(super) fn expand(graph: &mut Graph, limits: Limits) -> Result<(), Error> {
    let mut constants = Constants::within(graph, limits);
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
