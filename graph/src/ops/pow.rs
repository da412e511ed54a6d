//! `Pow`.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::binary;

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Positive(&[1, 3, 4, 5]), Input::Floats(&[1, 3, 4, 5])], &[]),
        Example::new(&[Input::Positive(&[2, 1, 4]), Input::Float(2.0)], &[]),
    ],
    ..binary::two::<Pow>("Pow", "aᵇ")
};

binary::operation!(Pow, |a, b| a.pow(b));
