//! `Cosh`.

use super::operator::Operator;
use super::shared::unary;

pub(crate) static OP: Operator = Operator {
    since: 9,
    ..unary::operator("Cosh", "the hyperbolic cosine", |args| unary::floats(args, f64::cosh))
};
