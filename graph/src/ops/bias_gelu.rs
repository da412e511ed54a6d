//! `BiasGelu`: `Gelu` of the input and a bias.

use super::operator::Operator;
use super::shared::biased;
use super::shared::gelu;

pub(crate) static OP: Operator =
    biased::operator("BiasGelu", "x/2 · (1 + erf(x / √2)), x with a bias", |args| {
        biased::floats(args, gelu::exact)
    });
