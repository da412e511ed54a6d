//! `ReduceSum`.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::{reduction, upgrade};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[2, 3, 4]), Input::Integers(&[-1])], &[("keepdims", Value::Int(0))]),
        Example::new(&[Input::Floats(&[2, 3, 4])], &[]),
    ],
    upgrade: upgrade::axes,
    ..Operator::new("ReduceSum", "the sum along axes", reduction::infer, |args| {
        reduction::sums(args, |sum, _| sum)
    })
};
