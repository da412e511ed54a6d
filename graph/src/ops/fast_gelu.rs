//! `FastGelu`: the approximation of `Gelu` by tanh, of the input and an optional bias.

use super::operator::Operator;
use super::shared::biased;
use super::shared::gelu;

pub(crate) static OP: Operator = biased::operator(
    "FastGelu",
    "x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))), x with a bias",
    |args| biased::floats(args, gelu::by_tanh),
);
