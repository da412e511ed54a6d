//! `BitwiseXor`.

use super::operator::Operator;
use super::shared::bits;

pub(crate) static OP: Operator =
    bits::operator("BitwiseXor", "the bits in which the integers differ", |args| {
        bits::combine(args, |a, b| a ^ b)
    });
