//! The order in which nodes can run.

use std::ops::ControlFlow;

use super::super::TransformError;
use super::graph::by_name;
use crate::node::Input;
use crate::proto::NodeDef;

/// Positions of the nodes such that inputs come first, as far as there is such an order, and why it ends early.
///
/// The next node is always the one that became ready last. A `Merge` waits for one of its inputs alone: the other may come from a
/// later turn of its loop.
pub(crate) fn execution_order(nodes: &[NodeDef]) -> (Vec<usize>, Result<(), TransformError>) {
    let names = by_name(nodes);
    let mut readers = vec![Vec::new(); nodes.len()];
    let mut pending = Vec::with_capacity(nodes.len());
    let mut ready = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let count = match node.op.as_str() {
            "Merge" | "RefMerge" | "_XlaMerge" => {
                1 + node.input.iter().filter(|input| input.starts_with('^')).count()
            }
            _ => node.input.len(),
        };
        pending.push(count);
        if node.input.is_empty() {
            ready.push(index);
        }
        let known = node.input.iter().try_for_each(|input| match names.get(Input::parse(input).node) {
            Some(&source) => {
                readers[source].push(index);
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(input),
        });
        if let ControlFlow::Break(input) = known {
            let reason = format!("Node '{}': Unknown input node '{input}'", node.name);
            return (Vec::new(), Err(TransformError::Invalid(reason)));
        }
    }
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(index) = ready.pop() {
        order.push(index);
        for &reader in &readers[index] {
            // A Merge is ready once, though its other inputs come later.
            pending[reader] = match pending[reader] {
                0 => continue,
                1 => {
                    ready.push(reader);
                    0
                }
                more => more - 1,
            };
        }
    }
    let left = nodes.len() - order.len();
    let result = match left {
        0 => Ok(()),
        left => Err(TransformError::Invalid(format!("{left} nodes in a cycle"))),
    };
    (order, result)
}
