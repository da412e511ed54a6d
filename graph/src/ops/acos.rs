//! `Acos`.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::unary;

pub(crate) static OP: Operator = Operator {
    since: 7,
    examples: &[Example::new(&[Input::Between(&[1, 3, 4, 5], -1.0, 1.0)], &[])],
    ..unary::operator("Acos", "the inverse of the cosine", |args| unary::floats(args, f64::acos))
};
