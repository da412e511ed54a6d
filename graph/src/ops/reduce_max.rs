//! `ReduceMax`.

use super::operator::Operator;
use super::shared::{extremes, reduction};
use crate::exec::float::extreme::extreme;

pub(crate) static OP: Operator = Operator {
    lower: |builder, node| extreme(builder, node, true),
    ..reduction::operator("ReduceMax", "the greatest element along axes", |args| {
        extremes::extremes(args, true)
    })
};
