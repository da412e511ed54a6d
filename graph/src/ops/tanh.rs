//! `Tanh`.

use super::operator::Operator;
use super::shared::unary;

pub(crate) static OP: Operator =
    unary::operator("Tanh", "the hyperbolic tangent", |args| unary::floats(args, f64::tanh));
