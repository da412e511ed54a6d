//! `Mish`.

use super::operator::Operator;
use super::shared::unary;
use super::softplus::softplus;
use crate::exec::float::curve::{self, Curve};

pub(crate) static OP: Operator = Operator {
    since: 18,
    lower: |builder, node| curve::lower(builder, node, Curve::Mish),
    ..unary::operator("Mish", "x · tanh(ln(1 + eˣ))", |args| {
        unary::floats(args, |x| x * softplus(x).tanh())
    })
};
