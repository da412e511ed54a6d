//! `Max`.

use super::operator::Operator;
use super::shared::binary::{self, Number, Operation};

pub(crate) static OP: Operator = Operator {
    examples: binary::EXAMPLES,
    ..Operator::new("Max", "the greatest of all inputs", binary::infer, binary::many::<Max>)
};

struct Max;

impl Operation for Max {
    fn apply<T: Number>(a: T, b: T) -> T {
        a.max(b)
    }
}
