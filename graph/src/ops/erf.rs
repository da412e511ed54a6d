//! `Erf`.

use super::operator::Operator;
use super::shared::unary;
use crate::exec::float::curve::{self, Curve};

pub(crate) static OP: Operator = Operator {
    since: 9,
    lower: |builder, node| curve::lower(builder, node, Curve::Erf),
    ..unary::operator("Erf", "the error function", |args| unary::floats(args, libm::erf))
};
