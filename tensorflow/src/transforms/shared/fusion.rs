//! What the transforms that fuse operators with a convolution share.

use crate::proto::NodeDef;

/// Some inputs of a node.
pub(crate) fn data<const N: usize>(node: &NodeDef, inputs: [usize; N]) -> impl Iterator<Item = String> {
    inputs.into_iter().filter_map(|input| node.input.get(input).cloned())
}

/// Nodes that stay, each once, then those that are new.
pub(crate) fn distinct<const N: usize, const M: usize>(
    kept: [&NodeDef; N],
    new: [NodeDef; M],
) -> Vec<NodeDef> {
    let mut nodes: Vec<NodeDef> = Vec::with_capacity(N + M);
    for node in kept {
        if nodes.iter().all(|known| known.name != node.name) {
            nodes.push(node.clone());
        }
    }
    nodes.extend(new);
    nodes
}
