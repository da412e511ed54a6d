//! `Mul`.

use super::eight_bit::EightBit;
use super::operator::Operator;
use super::qlinear_mul;
use super::shared::{binary, qlinear};
use crate::exec::float::{self, Binary};

pub(crate) static OP: Operator = Operator {
    eight_bit: EightBit::Compute(qlinear::compute(2, |node, operands, to| {
        Ok(qlinear::on_bytes(&qlinear_mul::OP, node, operands, to, |scales| vec![scales.iter().product()]))
    })),
    lower: |builder, node| float::lower::binary(builder, node, Binary::Mul),
    ..binary::two::<Mul>("Mul", "a · b")
};

binary::operation!(Mul, |a, b| a.mul(b));
