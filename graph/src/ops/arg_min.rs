//! `ArgMin`.

use super::operator::Operator;
use super::shared::reduction;

pub(crate) static OP: Operator =
    reduction::index_operator("ArgMin", "the index of the least element along an axis", |args| {
        reduction::index(args, false)
    });
