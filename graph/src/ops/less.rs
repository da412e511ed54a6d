//! `Less`.

use std::cmp::Ordering;

use super::operator::Operator;
use super::shared::comparison;

pub(crate) static OP: Operator = comparison::operator("Less", "whether a < b", |args| {
    comparison::compare(args, |order| order.is_some_and(Ordering::is_lt))
});
