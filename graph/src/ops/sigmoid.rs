//! `Sigmoid`.

use super::operator::Operator;
use super::shared::unary;

pub(crate) static OP: Operator =
    unary::operator("Sigmoid", "1 / (1 + e⁻ˣ)", |args| unary::floats(args, |x| 1.0 / (1.0 + (-x).exp())));
