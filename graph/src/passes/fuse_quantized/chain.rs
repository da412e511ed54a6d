//! The chain of activations between an operator and its `QuantizeLinear`.

use std::collections::BTreeMap;

use super::Fuser;
use crate::ops::eight_bit::EightBit;
use crate::ops::{clip, quantize_linear};
use crate::{Error, Node, Tensor};

/// Clamping activations, each the only reader of the value before it, the `QuantizeLinear` after them, and the `Clip` of its bytes.
pub(super) struct Chain {
    /// Indices of the clamping nodes, in order.
    pub(super) activations: Vec<usize>,
    /// Index of the `QuantizeLinear`.
    pub(super) quantize: usize,
    /// Other `QuantizeLinear` nodes with the same input and parameters: exporters write one for each reader.
    pub(super) copies: Vec<usize>,
    /// The bounds of the activations together.
    pub(super) bounds: (f32, f32),
    /// The `Clip` that alone reads the bytes, as numbers of less than eight bits have it, and its bounds.
    pub(super) clip: Option<(usize, (i32, i32))>,
}

/// The longest chain considered; networks have shorter ones. Without a limit, a long chain of activations would take
/// quadratic time.
const MAX_ACTIVATIONS: usize = 8;

impl Chain {
    /// The chain that begins with the readers of `value`, if there is one.
    pub(super) fn after(fuser: &Fuser<'_>, value: &str) -> Result<Option<Chain>, Error> {
        let Fuser { graph, consumers, outputs, operands, .. } = fuser;
        let constants = &operands.constants;
        let mut chain = Chain {
            activations: Vec::new(),
            quantize: 0,
            copies: Vec::new(),
            bounds: (f32::NEG_INFINITY, f32::INFINITY),
            clip: None,
        };
        let mut value = value;
        loop {
            let Some((&reader, others)) = consumers.get(value).and_then(|all| all.split_first()) else {
                return Ok(None);
            };
            if outputs.contains(value) {
                return Ok(None);
            }
            let node = &graph.nodes[reader];
            if node.is(&quantize_linear::OP) && node.input(0) == Some(value) {
                let same = |&other: &usize| makes_the_same(node, &graph.nodes[other], constants);
                if !others.iter().all(same) {
                    return Ok(None);
                }
                (chain.quantize, chain.copies) = (reader, others.to_vec());
                chain.clip = others.is_empty().then(|| clip(fuser, node)).flatten();
                return Ok(Some(chain));
            }
            if !others.is_empty() {
                return Ok(None);
            }
            let Some((low, high)) = bounds(node, constants) else { return Ok(None) };
            chain.bounds = (chain.bounds.0.clamp(low, high), chain.bounds.1.clamp(low, high));
            chain.activations.push(reader);
            if chain.activations.len() > MAX_ACTIVATIONS {
                return Ok(None);
            }
            value = node.required_output(0)?;
        }
    }
}

/// The `Clip` that alone reads the bytes that a `QuantizeLinear` writes, and its bounds.
fn clip(fuser: &Fuser<'_>, quantize: &Node) -> Option<(usize, (i32, i32))> {
    let Fuser { graph, consumers, outputs, operands, .. } = fuser;
    let bytes = quantize.output(0)?;
    let &[index] = consumers.get(bytes)?.as_slice() else { return None };
    let node = &graph.nodes[index];
    if outputs.contains(bytes) || !node.is(&clip::OP) || node.input(0) != Some(bytes) {
        return None;
    }
    let (low, high) = clip::byte_bounds(node, &|name| operands.constants.get(name))?;
    (low <= high).then_some((index, (low, high)))
}

/// Whether `other` computes the same bytes as the `QuantizeLinear` called `node`.
fn makes_the_same(node: &Node, other: &Node, constants: &BTreeMap<String, Tensor>) -> bool {
    let same_constant = |index: usize| match (node.input(index), other.input(index)) {
        (None, None) => true,
        (Some(a), Some(b)) => a == b || constants.get(a).is_some_and(|a| constants.get(b) == Some(a)),
        _ => false,
    };
    other.op == node.op
        && other.input(0) == node.input(0)
        && same_constant(1)
        && same_constant(2)
        && other.attributes == node.attributes
}

/// The bounds of a node that only clamps.
fn bounds(node: &Node, constants: &BTreeMap<String, Tensor>) -> Option<(f32, f32)> {
    let EightBit::Clamp(bounds) = node.operator()?.eight_bit else { return None };
    bounds(node, &|name| constants.get(name))
}
