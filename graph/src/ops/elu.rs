//! `Elu`.

use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::unary;
use crate::{Error, Tensor};

pub(crate) static OP: Operator =
    unary::operator("Elu", "x where it is not negative, alpha · (eˣ − 1) elsewhere", evaluate);

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let alpha = f64::from(args.node().float("alpha", 1.0)?);
    unary::floats(args, |x| if x < 0.0 { alpha * x.exp_m1() } else { x })
}
