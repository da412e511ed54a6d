//! `Exp`.

use super::operator::Operator;
use super::shared::unary;
use crate::exec::float::curve::{self, Curve};

pub(crate) static OP: Operator = Operator {
    lower: |builder, node| curve::lower(builder, node, Curve::Exp),
    ..unary::operator("Exp", "eˣ", |args| unary::floats(args, f64::exp))
};
