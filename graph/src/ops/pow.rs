//! `Pow`.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::binary::{self, Number, Operation};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Positive(&[1, 3, 4, 5]), Input::Floats(&[1, 3, 4, 5])], &[]),
        Example::new(&[Input::Positive(&[2, 1, 4]), Input::Float(2.0)], &[]),
    ],
    ..Operator::new("Pow", "aᵇ", binary::infer_two, binary::two::<Pow>)
};

struct Pow;

impl Operation for Pow {
    fn apply<T: Number>(a: T, b: T) -> T {
        a.pow(b)
    }
}
