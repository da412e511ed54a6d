//! `Acosh`.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::unary;

pub(crate) static OP: Operator = Operator {
    since: 9,
    examples: &[Example::new(&[Input::Between(&[1, 3, 4, 5], 2.0, 6.0)], &[])],
    ..unary::operator("Acosh", "the inverse of the hyperbolic cosine", |args| unary::floats(args, f64::acosh))
};
