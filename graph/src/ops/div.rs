//! `Div`.

use super::operator::Operator;
use super::shared::binary::{self, Operation};
use super::shared::number::Number;
use crate::exec::float::{self, Binary};

pub(crate) static OP: Operator = Operator {
    lower: |builder, node| float::lower::binary(builder, node, Binary::Div),
    ..binary::two::<Div>("Div", "a / b")
};

struct Div;

impl Operation for Div {
    fn apply<T: Number>(a: T, b: T) -> T {
        a.div(b)
    }

    fn is_defined<T: Number>(b: &[T]) -> bool {
        binary::divides(b)
    }
}
