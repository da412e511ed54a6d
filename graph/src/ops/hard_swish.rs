//! `HardSwish`.

use super::operator::Operator;
use super::shared::unary;
use crate::exec::float::curve::{self, Curve};

pub(crate) static OP: Operator = Operator {
    since: 14,
    lower: |builder, node| curve::lower(builder, node, Curve::HardSwish),
    ..unary::operator("HardSwish", "x · min(1, max(0, x / 6 + 1/2))", |args| {
        unary::floats(args, |x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0))
    })
};
