//! `ReduceMin`.

use super::operator::Operator;
use super::shared::{extremes, reduction};

pub(crate) static OP: Operator =
    reduction::operator("ReduceMin", "the least element along axes", |args| extremes::extremes(args, false));
