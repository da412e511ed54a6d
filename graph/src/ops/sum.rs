//! `Sum`.

use super::operator::Operator;
use super::shared::binary::{self, Number, Operation};

pub(crate) static OP: Operator = Operator {
    examples: binary::EXAMPLES,
    ..Operator::new("Sum", "the sum of all inputs", binary::infer, binary::many::<Sum>)
};

struct Sum;

impl Operation for Sum {
    fn apply<T: Number>(a: T, b: T) -> T {
        a.add(b)
    }
}
