//! `ReduceMin`.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::reduction;

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[2, 3, 4]), Input::Integers(&[-1])], &[("keepdims", Value::Int(0))]),
        Example::new(&[Input::Floats(&[2, 3, 4])], &[]),
    ],
    ..Operator::new("ReduceMin", "the least element along axes", reduction::infer, |args| {
        reduction::extremes(args, false)
    })
};
