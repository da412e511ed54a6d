//! `ArgMin`.

use super::operator::Operator;
use super::shared::extremes;

pub(crate) static OP: Operator =
    extremes::index_operator("ArgMin", "the index of the least element along an axis", |args| {
        extremes::index(args, false)
    });
