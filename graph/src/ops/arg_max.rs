//! `ArgMax`.

use super::operator::Operator;
use super::shared::extremes;

pub(crate) static OP: Operator =
    extremes::index_operator("ArgMax", "the index of the greatest element along an axis", |args| {
        extremes::index(args, true)
    });
