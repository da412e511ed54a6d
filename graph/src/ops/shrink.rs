//! `Shrink`.

use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::unary;
use crate::{Error, Tensor};

pub(crate) static OP: Operator = Operator {
    since: 9,
    ..unary::operator("Shrink", "x + bias below −lambd, x − bias above lambd, 0 between", evaluate)
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let lambd = f64::from(args.node().float("lambd", 0.5)?);
    let bias = f64::from(args.node().float("bias", 0.0)?);
    unary::floats(args, |x| {
        if x < -lambd {
            x + bias
        } else if x > lambd {
            x - bias
        } else {
            0.0
        }
    })
}
