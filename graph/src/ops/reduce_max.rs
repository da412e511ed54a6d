//! `ReduceMax`.

use super::operator::Operator;
use super::shared::reduction;

pub(crate) static OP: Operator = reduction::operator("ReduceMax", "the greatest element along axes", |args| {
    reduction::extremes(args, true)
});
