//! `Mish`.

use super::operator::Operator;
use super::shared::unary;
use super::softplus::softplus;

pub(crate) static OP: Operator = Operator {
    since: 18,
    ..unary::operator("Mish", "x · tanh(ln(1 + eˣ))", |args| {
        unary::floats(args, |x| x * softplus(x).tanh())
    })
};
