//! `ReduceMax`.

use super::operator::Operator;
use super::shared::{extremes, reduction};

pub(crate) static OP: Operator =
    reduction::operator("ReduceMax", "the greatest element along axes", |args| {
        extremes::extremes(args, true)
    });
