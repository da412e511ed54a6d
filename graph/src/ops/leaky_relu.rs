//! `LeakyRelu`.

use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::unary;
use crate::exec::float;
use crate::{Error, Tensor};

pub(crate) static OP: Operator = Operator {
    lower: float::lower::leaky,
    ..unary::operator("LeakyRelu", "x where it is not negative, alpha · x elsewhere", evaluate)
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let alpha = f64::from(args.node().float("alpha", 0.01)?);
    unary::floats(args, |x| if x < 0.0 { alpha * x } else { x })
}
