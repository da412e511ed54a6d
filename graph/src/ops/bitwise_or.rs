//! `BitwiseOr`.

use super::operator::Operator;
use super::shared::bits;

pub(crate) static OP: Operator =
    bits::operator("BitwiseOr", "the bits that one of the integers has", |args| {
        bits::combine(args, |a, b| a | b)
    });
