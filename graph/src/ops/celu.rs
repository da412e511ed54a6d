//! `Celu`.

use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::unary;
use crate::{Error, Tensor};

pub(crate) static OP: Operator = Operator {
    since: 12,
    ..unary::operator("Celu", "max(0, x) + min(0, alpha · (e^(x / alpha) − 1))", evaluate)
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let alpha = f64::from(args.node().float("alpha", 1.0)?);
    unary::floats(args, |x| if x < 0.0 { alpha * (x / alpha).exp_m1() } else { x })
}
