//! `Pow`.

use super::operator::Operator;
use super::shared::binary::{self, Number, Operation};

pub(crate) static OP: Operator = Operator {
    examples: binary::EXAMPLES,
    ..Operator::new("Pow", "aᵇ", binary::infer_two, binary::two::<Pow>)
};

struct Pow;

impl Operation for Pow {
    fn apply<T: Number>(a: T, b: T) -> T {
        a.pow(b)
    }
}
