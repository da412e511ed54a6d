//! `ReduceMin`.

use super::operator::Operator;
use super::shared::{extremes, reduction};
use crate::exec::float::extreme::extreme;

pub(crate) static OP: Operator = Operator {
    lower: |builder, node| extreme(builder, node, false),
    ..reduction::operator("ReduceMin", "the least element along axes", |args| extremes::extremes(args, false))
};
