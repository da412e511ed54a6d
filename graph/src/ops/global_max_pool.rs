//! `GlobalMaxPool`.

use super::operator::Operator;
use super::shared::pool;

pub(crate) static OP: Operator =
    pool::global_operator("GlobalMaxPool", "the greatest element of each channel", |args| {
        pool::global(args, |plane| plane.iter().copied().fold(f32::NEG_INFINITY, f32::max))
    });
