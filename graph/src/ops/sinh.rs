//! `Sinh`.

use super::operator::Operator;
use super::shared::unary;

pub(crate) static OP: Operator = Operator {
    since: 9,
    ..unary::operator("Sinh", "the hyperbolic sine", |args| unary::floats(args, f64::sinh))
};
