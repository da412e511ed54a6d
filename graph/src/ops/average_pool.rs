//! `AveragePool`: the mean of each window; `count_include_pad` counts the padding as zeros.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::qlinear_average_pool;
use super::shared::pool;
use crate::exec::float;

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(
            &[Input::Floats(&[1, 3, 5, 6])],
            &[("kernel_shape", Value::Ints(&[3, 2])), ("pads", Value::Ints(&[1, 0, 1, 1]))],
        ),
        Example::new(
            &[Input::Floats(&[1, 3, 5])],
            &[
                ("kernel_shape", Value::Ints(&[2])),
                ("pads", Value::Ints(&[1, 0])),
                ("count_include_pad", Value::Int(1)),
            ],
        ),
    ],
    eight_bit: pool::eight_bit(|node, operands, to| {
        pool::on_bytes(&qlinear_average_pool::OP, node, operands, to)
    }),
    reads: pool::taps,
    lower: float::lower::average_pool,
    ..Operator::new(
        "AveragePool",
        "the mean of each window",
        |inputs| Ok(vec![pool::infer(inputs)?]),
        pool::average,
    )
};
