//! The nodes that the outputs need, each after those that it reads.

use std::collections::HashSet;

use super::Reference;
use super::index::Nodes;
use crate::proto::NodeDef;

/// The nodes that compute `outputs` from the values `cuts`, in order. Control inputs do not count: a frozen graph has no state
/// that could depend on an order. A loop of the graph is opened where it is found; its operators are not implemented.
pub(super) fn order<'d>(
    nodes: &Nodes<'d>,
    outputs: &[Reference<'_>],
    cuts: &[Reference<'_>],
) -> Vec<&'d NodeDef> {
    let cuts: HashSet<Reference<'_>> = cuts.iter().copied().collect();
    let mut seen: HashSet<&str> = HashSet::new();
    let mut order = Vec::new();
    for output in outputs {
        if cuts.contains(output) {
            continue;
        }
        let Some(&root) = nodes.get(output.node) else { continue };
        // A node and the number of its inputs that were visited. No recursion: a chain may be long.
        let mut stack = Vec::new();
        if seen.insert(&root.name) {
            stack.push((root, 0));
        }
        while let Some((node, next)) = stack.last_mut() {
            let Some(input) = node.input.get(*next) else {
                order.push(*node);
                stack.pop();
                continue;
            };
            *next += 1;
            let input = Reference::new(input);
            if input.port.is_none() || cuts.contains(&input) {
                continue;
            }
            if let Some(&before) = nodes.get(input.node)
                && seen.insert(&before.name)
            {
                stack.push((before, 0));
            }
        }
    }
    order
}
