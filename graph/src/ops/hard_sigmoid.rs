//! `HardSigmoid`.

use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::unary;
use crate::{Error, Tensor};

pub(crate) static OP: Operator = unary::operator("HardSigmoid", "min(1, max(0, alpha · x + beta))", evaluate);

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let alpha = f64::from(args.node().float("alpha", 0.2)?);
    let beta = f64::from(args.node().float("beta", 0.5)?);
    unary::floats(args, |x| (alpha * x + beta).clamp(0.0, 1.0))
}
