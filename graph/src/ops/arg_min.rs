//! `ArgMin`.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_number;
use super::shared::reduction;
use crate::{DataType, Element, Error, Tensor};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[2, 3, 4])], &[("axis", Value::Int(1))]),
        Example::new(
            &[Input::Bytes(&[2, 3])],
            &[("axis", Value::Int(-1)), ("keepdims", Value::Int(0)), ("select_last_index", Value::Int(1))],
        ),
    ],
    output_type: |_, _| Some(DataType::I64),
    ..Operator::new("ArgMin", "the index of the least element along an axis", reduction::infer_places, evaluate)
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn places<T: Element + PartialOrd>(args: &Arguments<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
        reduction::places(args, x, false)
    }
    by_number!(args, args.tensor(0)?, places)
}
