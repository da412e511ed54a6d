//! `Selu`.

use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::unary;
use crate::{Error, Tensor};

pub(crate) static OP: Operator =
    unary::operator("Selu", "gamma · x where x is positive, gamma · alpha · (eˣ − 1) elsewhere", evaluate);

/// The attributes' defaults are those of operator set 6, the nearest floats to the constants of the activation's definition.
fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let alpha = f64::from(args.node().float("alpha", 1.673_263_2)?);
    let gamma = f64::from(args.node().float("gamma", 1.050_701)?);
    unary::floats(args, |x| gamma * if x > 0.0 { x } else { alpha * x.exp_m1() })
}
