//! Functions of two bytes whose 32-bit codes are requantized to bytes in the range that they have: the codes between are never stored.

use super::has_outputs;
use crate::exec::builder::Builder;
use crate::ops::shared::code_type;
use crate::ops::{quantized_relu, quantized_relu6, requantization_range, requantize};
use crate::{DataType, Node};

/// The nodes behind a node that find the range of its 32-bit codes, requantize them to bytes and, if there is such a node, clamp these.
pub(super) struct Chain<'g> {
    pub(super) nodes: Vec<usize>,
    /// The last of them, whose outputs are those of the chain.
    pub(super) last: &'g Node,
    pub(super) clamp: Option<Clamp>,
}

/// A clamping to what is at least 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clamp {
    pub(super) upper: Option<f32>,
}

/// The chain behind `node`, if nothing else reads what is between its nodes.
pub(super) fn find<'g>(builder: &Builder<'g>, node: &Node) -> Option<Chain<'g>> {
    let [codes, min, max] = &node.outputs[..] else { return None };
    let &[first, second] = builder.readers(codes)? else { return None };
    let at = |index: usize| &builder.graph.nodes[index];
    let (of_range, requantizing) =
        if at(first).is(&requantization_range::OP) { (first, second) } else { (second, first) };
    let (range, bytes) = (at(of_range), at(requantizing));
    let is_chain = range.is(&requantization_range::OP)
        && bytes.is(&requantize::OP)
        && has_outputs(range, 2)
        && has_outputs(bytes, 3)
        && code_type::of(bytes, "out_type").ok() == Some(DataType::U8)
        && range.inputs.iter().eq([codes, min, max])
        && bytes.inputs.iter().eq([codes, min, max].into_iter().chain(&range.outputs));
    let read_by = |value: &String, nodes: &[usize]| {
        builder.readers(value).is_some_and(|readers| readers.iter().all(|reader| nodes.contains(reader)))
    };
    let is_closed = [min, max].into_iter().all(|value| read_by(value, &[of_range, requantizing]))
        && range.outputs.iter().all(|value| read_by(value, &[requantizing]));
    if !is_chain || !is_closed {
        return None;
    }
    let chain = Chain { nodes: vec![of_range, requantizing], last: bytes, clamp: None };
    Some(clamped(builder, &chain).unwrap_or(chain))
}

/// The chain with the clamping node that is the only one to read its bytes.
fn clamped<'g>(builder: &Builder<'g>, chain: &Chain<'g>) -> Option<Chain<'g>> {
    let (index, node) = builder.only_consumer(chain.last.output(0)?)?;
    let upper = match node {
        node if node.is(&quantized_relu::OP) => None,
        node if node.is(&quantized_relu6::OP) => Some(6.0),
        _ => return None,
    };
    let read_here = |value: &String| {
        builder.readers(value).is_some_and(|readers| readers.iter().all(|&reader| reader == index))
    };
    let fits = has_outputs(node, 3) && node.inputs == chain.last.outputs && node.inputs.iter().all(read_here);
    let nodes = chain.nodes.iter().copied().chain([index]).collect();
    fits.then_some(Chain { nodes, last: node, clamp: Some(Clamp { upper }) })
}
