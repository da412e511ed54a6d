//! `Atanh`.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::unary;

pub(crate) static OP: Operator = Operator {
    since: 9,
    examples: &[Example::new(&[Input::Between(&[1, 3, 4, 5], -0.9, 0.9)], &[])],
    ..unary::operator("Atanh", "the inverse of the hyperbolic tangent", |args| {
        unary::floats(args, f64::atanh)
    })
};
