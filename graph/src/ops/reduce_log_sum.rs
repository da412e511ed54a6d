//! `ReduceLogSum`.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::reduction::{self, Fold};

pub(crate) static OP: Operator = Operator {
    examples: &[Example::new(&[Input::Positive(&[2, 3, 4]), Input::Integers(&[0, 2])], &[])],
    ..reduction::operator("ReduceLogSum", "the logarithm of the sum along axes", |args| {
        reduction::fold(args, &Fold { finish: |sum, _| sum.ln(), integers: None, ..Fold::SUM })
    })
};
