//! `Sigmoid`.

use super::operator::Operator;
use super::shared::unary;
use crate::exec::float::curve::{self, Curve};

pub(crate) static OP: Operator = Operator {
    lower: |builder, node| curve::lower(builder, node, Curve::Sigmoid),
    ..unary::operator("Sigmoid", "1 / (1 + e⁻ˣ)", |args| unary::floats(args, |x| 1.0 / (1.0 + (-x).exp())))
};
