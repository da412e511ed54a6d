//! `Sub`.

use super::operator::Operator;
use super::shared::binary::{self, Number, Operation};

pub(crate) static OP: Operator = Operator {
    examples: binary::EXAMPLES,
    ..Operator::new("Sub", "a − b", binary::infer_two, binary::two::<Sub>)
};

struct Sub;

impl Operation for Sub {
    fn apply<T: Number>(a: T, b: T) -> T {
        a.sub(b)
    }
}
