//! `Swish`.

use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::unary;
use crate::exec::float::curve::{self, Curve};
use crate::{Error, Tensor};

pub(crate) static OP: Operator = Operator {
    since: 24,
    lower: |builder, node| Ok(node.float("alpha", 1.0)? == 1.0 && curve::lower(builder, node, Curve::Swish)?),
    ..unary::operator("Swish", "x / (1 + e^(−alpha · x))", evaluate)
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let alpha = f64::from(args.node().float("alpha", 1.0)?);
    unary::floats(args, |x| x / (1.0 + (-alpha * x).exp()))
}
