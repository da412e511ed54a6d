//! `Exp`.

use super::operator::Operator;
use super::shared::unary;
use crate::exec::float::softmax::{Curve, curve};

pub(crate) static OP: Operator = Operator {
    lower: |builder, node| curve(builder, node, Curve::Exp),
    ..unary::operator("Exp", "eˣ", |args| unary::floats(args, f64::exp))
};
