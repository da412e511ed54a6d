//! `Tan`.

use super::operator::Operator;
use super::shared::unary;

pub(crate) static OP: Operator =
    Operator { since: 7, ..unary::operator("Tan", "the tangent", |args| unary::floats(args, f64::tan)) };
