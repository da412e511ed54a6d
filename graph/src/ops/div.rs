//! `Div`.

use super::operator::Operator;
use super::shared::binary::{self, Number, Operation};
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
        !T::IS_INTEGER || b.iter().all(|&b| b != T::default())
    }
}
