//! `Log`.

use super::operator::Operator;
use super::shared::unary;

pub(crate) static OP: Operator =
    unary::operator("Log", "the natural logarithm", |args| unary::floats(args, f64::ln));
