//! `Floor`.

use super::operator::Operator;
use super::shared::unary;

pub(crate) static OP: Operator =
    unary::operator("Floor", "the greatest integer that is not greater", |args| {
        unary::floats(args, f64::floor)
    });
