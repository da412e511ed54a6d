//! `Reciprocal`.

use super::operator::Operator;
use super::shared::unary;
use crate::exec::float::mapped::{self, Mapped};

pub(crate) static OP: Operator = Operator {
    lower: |builder, node| mapped::lower(builder, node, Mapped::Reciprocal),
    ..unary::operator("Reciprocal", "1 / x", |args| unary::floats(args, |x| 1.0 / x))
};
