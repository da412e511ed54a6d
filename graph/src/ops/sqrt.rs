//! `Sqrt`.

use super::operator::Operator;
use super::shared::unary;

pub(crate) static OP: Operator =
    unary::operator("Sqrt", "the square root", |args| unary::floats(args, f64::sqrt));
