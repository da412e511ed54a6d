//! `Mul`.

use super::eight_bit::EightBit;
use super::operator::Operator;
use super::qlinear_mul;
use super::shared::binary::{self, Number, Operation};
use super::shared::qlinear;
use crate::exec::float::{self, Binary};

pub(crate) static OP: Operator = Operator {
    examples: binary::EXAMPLES,
    eight_bit: EightBit::Compute(qlinear::compute(2, |node, operands, to| {
        Ok(qlinear::operands(node, operands, to, |scales| vec![scales.iter().product()]).map(|mut inputs| {
            inputs.extend(qlinear::output(to));
            qlinear::node(&qlinear_mul::OP, inputs, node)
        }))
    })),
    lower: |builder, node| float::lower::binary(builder, node, Binary::Mul),
    ..Operator::new("Mul", "a · b", binary::infer_two, binary::two::<Mul>)
};

pub(crate) struct Mul;

impl Operation for Mul {
    fn apply<T: Number>(a: T, b: T) -> T {
        a.mul(b)
    }
}
