//! `ArgMax`.

use super::operator::Operator;
use super::shared::reduction;

pub(crate) static OP: Operator =
    reduction::index_operator("ArgMax", "the index of the greatest element along an axis", |args| {
        reduction::index(args, true)
    });
