//! `QuickGelu`.

use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::domains::MICROSOFT;
use super::shared::unary;
use crate::{Error, Tensor};

pub(crate) static OP: Operator = Operator {
    domains: &[MICROSOFT],
    ..unary::operator("QuickGelu", "x / (1 + e^(−alpha · x)), alpha 1.702 by default", evaluate)
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let alpha = f64::from(args.node().float("alpha", 1.702)?);
    unary::floats(args, |x| x / (1.0 + (-alpha * x).exp()))
}
