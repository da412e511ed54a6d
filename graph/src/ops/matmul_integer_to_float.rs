//! `MatMulIntegerToFloat`. Inputs: a, b, scale of a, scale of b, zero points of both, bias.

use super::eight_bit::EightBit;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::eight_bit_product;
use super::shared::expansion::{self, Expansion};
use super::shared::upgrade::Constants;
use crate::{DataType, Error, Node};

pub(crate) static OP: Operator = Operator {
    examples: &[Example::new(
        &[
            Input::Bytes(&[3, 4]),
            Input::SignedWeights(&[4, 5]),
            Input::Float(0.02),
            Input::FloatVector(&[0.1, 0.2, 0.3, 0.4, 0.5]),
            Input::Byte(100),
            Input::SignedByte(3),
            Input::Weights(&[5]),
        ],
        &[],
    )],
    eight_bit: EightBit::Bytes,
    output_type: |_, _| Some(DataType::F32),
    ..expansion::operator("MatMulIntegerToFloat", "MatMulInteger, scales and a bias", expand)
};

fn expand(node: &Node, constants: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    let mut expansion = Expansion::new(node, constants);
    let [a_zero, b_zero] = [4, 5].map(|index| node.input(index).unwrap_or_default());
    let factors = [node.required_input(0)?, node.required_input(1)?, a_zero, b_zero];
    let sums = expansion.add("MatMulInteger", &factors);
    let scales = [node.required_input(2)?, node.required_input(3)?];
    eight_bit_product::scaled(&mut expansion, &sums, scales, node.input(6));
    expansion.finish()
}
