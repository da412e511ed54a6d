//! What stands between an operator and the bytes that it becomes.

use std::collections::{BTreeMap, HashMap};

use crate::ops::eight_bit::EightBit;
use crate::ops::quantize_linear;
use crate::{Error, Graph, Node, Tensor};

/// Activations that only clamp, each the only reader of what precedes it, and the `QuantizeLinear` after them.
pub(super) struct Chain {
    /// Indices of the nodes that clamp, in order.
    pub(super) activations: Vec<usize>,
    /// Index of the `QuantizeLinear`.
    pub(super) quantize: usize,
    /// What the activations together clamp to.
    pub(super) bounds: (f32, f32),
}

impl Chain {
    /// The chain that begins with the readers of `value`, if there is one.
    pub(super) fn after(
        graph: &Graph,
        consumers: &HashMap<&str, Vec<usize>>,
        constants: &BTreeMap<String, Tensor>,
        value: &str,
    ) -> Result<Option<Chain>, Error> {
        let mut chain =
            Chain { activations: Vec::new(), quantize: 0, bounds: (f32::NEG_INFINITY, f32::INFINITY) };
        let mut value = value;
        loop {
            let Some(&[reader]) = consumers.get(value).map(Vec::as_slice) else { return Ok(None) };
            if graph.is_output(value) {
                return Ok(None);
            }
            let node = &graph.nodes[reader];
            if node.is(&quantize_linear::OP) && node.input(0) == Some(value) {
                chain.quantize = reader;
                return Ok(Some(chain));
            }
            let Some((low, high)) = bounds(node, constants) else { return Ok(None) };
            chain.bounds = (chain.bounds.0.clamp(low, high), chain.bounds.1.clamp(low, high));
            chain.activations.push(reader);
            value = node.required_output(0)?;
        }
    }
}

/// What a node clamps to, if that is all it does.
fn bounds(node: &Node, constants: &BTreeMap<String, Tensor>) -> Option<(f32, f32)> {
    let EightBit::Clamp(bounds) = node.operator()?.eight_bit else { return None };
    bounds(node, &|name| constants.get(name))
}
