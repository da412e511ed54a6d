//! `Add`.

use super::eight_bit::EightBit;
use super::operator::Operator;
use super::qlinear_add;
use super::shared::binary::{self, Number, Operation};
use super::shared::qlinear;
use crate::exec::float::{self, Binary};

pub(crate) static OP: Operator = Operator {
    examples: binary::EXAMPLES,
    eight_bit: EightBit::Compute(qlinear::compute(2, |node, operands, to| {
        Ok(qlinear::operands(node, operands, to, |scales| scales).map(|mut inputs| {
            inputs.extend(qlinear::output(to));
            qlinear::node(&qlinear_add::OP, inputs, node)
        }))
    })),
    lower: |builder, node| float::lower::binary(builder, node, Binary::Add),
    ..Operator::new("Add", "a + b", binary::infer_two, binary::two::<Add>)
};

pub(crate) struct Add;

impl Operation for Add {
    fn apply<T: Number>(a: T, b: T) -> T {
        a.add(b)
    }
}
