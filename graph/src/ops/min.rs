//! `Min`.

use super::operator::Operator;
use super::shared::binary::{self, Number, Operation};

pub(crate) static OP: Operator = Operator {
    examples: binary::EXAMPLES,
    ..Operator::new("Min", "the least of all inputs", binary::infer, binary::many::<Min>)
};

struct Min;

impl Operation for Min {
    fn apply<T: Number>(a: T, b: T) -> T {
        a.min(b)
    }
}
