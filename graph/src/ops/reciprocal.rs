//! `Reciprocal`.

use super::operator::Operator;
use super::shared::unary;

pub(crate) static OP: Operator =
    unary::operator("Reciprocal", "1 / x", |args| unary::floats(args, |x| 1.0 / x));
