//! Shared by ONNX Runtime's functions of bytes, which mean the float one between `DequantizeLinear` and `QuantizeLinear`. Inputs: x,
//! scale, zero point, scale and zero point of the output.

use super::super::eight_bit::EightBit;
use super::super::example::{Example, Input};
use super::super::operator::Operator;
use super::expansion::{self, Expand, Expansion};
use super::upgrade::Constants;
use crate::{Error, Node};

/// A function of bytes.
pub(crate) const fn operator(name: &'static str, summary: &'static str, expand: Expand) -> Operator {
    const EXAMPLES: &[Example] =
        &[Example::new(&[Input::Quantized(&[2, 3, 5], 0.05, 100), Input::Scale(0.02, 7)], &[])];
    Operator { examples: EXAMPLES, eight_bit: EightBit::Bytes, ..expansion::operator(name, summary, expand) }
}

/// The nodes of a function that the float operator `op` computes, with the node's attributes that are listed.
pub(crate) fn expand(
    node: &Node,
    constants: &mut Constants<'_>,
    op: &str,
    attributes: &[&str],
) -> Result<Vec<Node>, Error> {
    let mut expansion = Expansion::new(node, constants);
    let [zero, to_zero] = [2, 4].map(|index| node.input(index).unwrap_or_default());
    let x = expansion.add("DequantizeLinear", &[node.required_input(0)?, node.required_input(1)?, zero]);
    let y = expansion.add(op, &[&x]);
    for &name in attributes {
        if let Some(value) = node.attributes.get(name) {
            expansion.set(name, value.clone());
        }
    }
    expansion.add("QuantizeLinear", &[&y, node.required_input(3)?, to_zero]);
    expansion.finish()
}
