//! `Softmax`: `exp(x) / Σ exp(x)` along an axis.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::{softmax, unary};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[2, 7])], &[]),
        Example::new(&[Input::Floats(&[1, 3, 4, 5])], &[("axis", Value::Int(1))]),
    ],
    upgrade: softmax::upgrade,
    ..Operator::new("Softmax", "eˣ / Σ eˣ along an axis", unary::same, |args| {
        softmax::along_axis(args, |x, sum| x.exp() / sum)
    })
};
