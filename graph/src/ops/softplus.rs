//! `Softplus`.

use super::operator::Operator;
use super::shared::unary;

pub(crate) static OP: Operator =
    unary::operator("Softplus", "ln(1 + eˣ)", |args| unary::floats(args, softplus));

/// For large numbers `eˣ` is infinite, and the logarithm is `x`: the exponential is taken of what is negative.
pub(crate) fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}
