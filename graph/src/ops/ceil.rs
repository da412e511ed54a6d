//! `Ceil`.

use super::operator::Operator;
use super::shared::unary;

pub(crate) static OP: Operator =
    unary::operator("Ceil", "the least integer that is not less", |args| unary::floats(args, f64::ceil));
