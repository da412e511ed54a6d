//! `Identity`.

use super::eight_bit::EightBit;
use super::operator::Operator;
use super::shared::unary;

pub(crate) static OP: Operator = Operator {
    eight_bit: EightBit::MOVE,
    copies: |_| true,
    ..unary::operator("Identity", "the input itself", |args| Ok(vec![args.tensor(0)?.clone()]))
};
