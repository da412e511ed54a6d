//! `Add`.

use super::eight_bit::EightBit;
use super::operator::Operator;
use super::qlinear_add;
use super::shared::{binary, qlinear};
use crate::exec::float::{self, Binary};

pub(crate) static OP: Operator = Operator {
    eight_bit: EightBit::Compute(qlinear::compute(2, |node, operands, to| {
        Ok(qlinear::on_bytes(&qlinear_add::OP, node, operands, to, |scales| scales))
    })),
    lower: |builder, node| float::lower::binary(builder, node, Binary::Add),
    ..binary::two::<Add>("Add", "a + b")
};

binary::operation!(Add, |a, b| a.add(b));
