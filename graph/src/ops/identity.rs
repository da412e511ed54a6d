//! `Identity`.

use super::eight_bit::EightBit;
use super::operator::Operator;
use super::shared::unary;
use crate::exec::float;

pub(crate) static OP: Operator = Operator {
    eight_bit: EightBit::MOVE,
    lower: float::lower::rename,
    ..unary::operator("Identity", "the input itself", |args| Ok(vec![args.tensor(0)?.clone()]))
};
