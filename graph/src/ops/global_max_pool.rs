//! `GlobalMaxPool`.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::pool;

pub(crate) static OP: Operator = Operator {
    examples: &[Example::new(&[Input::Floats(&[1, 3, 5, 6])], &[])],
    ..Operator::new(
        "GlobalMaxPool",
        "the greatest element of each channel",
        |inputs| Ok(vec![pool::infer_global(inputs)?]),
        |args| pool::global(args, |plane| plane.iter().copied().fold(f32::NEG_INFINITY, f32::max)),
    )
};
