//! `GlobalAveragePool`.

use super::example::{Example, Input};
use super::operator::Operator;
use super::qlinear_global_average_pool;
use super::shared::pool;
use crate::exec::float;

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[1, 3, 5, 6])], &[]),
        Example::new(&[Input::Floats(&[2, 3, 5])], &[]),
    ],
    eight_bit: pool::eight_bit(|node, operands, to| {
        pool::on_bytes(&qlinear_global_average_pool::OP, node, operands, to)
    }),
    lower: float::lower::global_average_pool,
    ..Operator::new(
        "GlobalAveragePool",
        "the mean of each channel",
        |inputs| Ok(vec![pool::infer_global(inputs)?]),
        pool::global_average,
    )
};
