//! `GreaterOrEqual`.

use std::cmp::Ordering;

use super::operator::Operator;
use super::shared::comparison;

pub(crate) static OP: Operator = Operator {
    since: 12,
    ..comparison::operator("GreaterOrEqual", "whether a ≥ b", |args| {
        comparison::compare(args, |order| order.is_some_and(Ordering::is_ge))
    })
};
