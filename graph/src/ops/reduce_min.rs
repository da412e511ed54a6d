//! `ReduceMin`.

use super::operator::Operator;
use super::shared::reduction;

pub(crate) static OP: Operator = reduction::operator("ReduceMin", "the least element along axes", |args| {
    reduction::extremes(args, false)
});
