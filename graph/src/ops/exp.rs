//! `Exp`.

use super::operator::Operator;
use super::shared::unary;

pub(crate) static OP: Operator = unary::operator("Exp", "eˣ", |args| unary::floats(args, f64::exp));
