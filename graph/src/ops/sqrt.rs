//! `Sqrt`.

use super::operator::Operator;
use super::shared::unary;
use crate::exec::float::mapped::{self, Mapped};

pub(crate) static OP: Operator = Operator {
    lower: |builder, node| mapped::lower(builder, node, Mapped::Root),
    ..unary::operator("Sqrt", "the square root", |args| unary::floats(args, f64::sqrt))
};
