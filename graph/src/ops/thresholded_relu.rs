//! `ThresholdedRelu`.

use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::unary;
use crate::{Error, Tensor};

pub(crate) static OP: Operator = Operator {
    since: 10,
    ..unary::operator("ThresholdedRelu", "x where it is greater than alpha, 0 elsewhere", evaluate)
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let alpha = f64::from(args.node().float("alpha", 1.0)?);
    unary::floats(args, |x| if x > alpha { x } else { 0.0 })
}
