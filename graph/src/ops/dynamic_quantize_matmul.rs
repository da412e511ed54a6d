//! `DynamicQuantizeMatMul`. Inputs: a, b, scale and zero point of b, bias.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::eight_bit_product;
use super::shared::expansion::{self, Expansion};
use super::shared::upgrade::Constants;
use crate::{DataType, Error, Node};

pub(crate) static OP: Operator = Operator {
    examples: &[Example::new(
        &[
            Input::Floats(&[3, 4]),
            Input::SignedWeights(&[4, 5]),
            Input::FloatVector(&[0.1, 0.2, 0.3, 0.4, 0.5]),
            Input::SignedByte(3),
            Input::Weights(&[5]),
        ],
        &[],
    )],
    output_type: |_, _| Some(DataType::F32),
    ..expansion::operator(
        "DynamicQuantizeMatMul",
        "DynamicQuantizeLinear, MatMulInteger, scales and a bias",
        expand,
    )
};

fn expand(node: &Node, constants: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    let mut expansion = Expansion::new(node, constants);
    let [a, scale, zero] = expansion.add_outputs("DynamicQuantizeLinear", &[node.required_input(0)?]);
    let b_zero = node.input(3).unwrap_or_default();
    let sums = expansion.add("MatMulInteger", &[&a, node.required_input(1)?, &zero, b_zero]);
    eight_bit_product::scaled(&mut expansion, &sums, [&scale, node.required_input(2)?], node.input(4));
    expansion.finish()
}
