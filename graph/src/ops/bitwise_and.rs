//! `BitwiseAnd`.

use super::operator::Operator;
use super::shared::bits;

pub(crate) static OP: Operator = bits::operator("BitwiseAnd", "the bits that both integers have", |args| {
    bits::combine(args, |a, b| a & b)
});
