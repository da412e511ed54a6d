//! Rewrites nodes of older operator sets by their operators' rules: to operator set 13, or to a later one that changed an operator.

use crate::ops::shared::upgrade::Constants;
use crate::{Error, Graph};

/// Rewrites the nodes of a graph, each from the version that it follows. Nodes of operators that are not implemented are unchanged. Variants that cannot be rewritten are added to `problems`.
pub(super) fn upgrade(
    graph: &mut Graph,
    versions: &[Option<i64>],
    problems: &mut Vec<Error>,
) -> Result<(), Error> {
    let mut constants = Constants::new(graph);
    let mut nodes = Vec::new();
    for (mut node, version) in constants.take_nodes().into_iter().zip(versions) {
        let operator = node.operator().filter(|_| node.op.domain().is_empty());
        let (Some(operator), &Some(version)) = (operator, version) else {
            nodes.push(node);
            continue;
        };
        // A hint of operator sets before 6 for runtimes that compute in place.
        node.attributes.remove("consumed_inputs");
        match (operator.upgrade)(node, version, &mut constants) {
            Ok(upgraded) => nodes.extend(upgraded),
            Err(error) if error.is_about_support() => problems.push(error),
            Err(error) => return Err(error),
        }
    }
    graph.nodes = nodes;
    Ok(())
}
