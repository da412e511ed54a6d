//! `GatherElements`: each element of the result is that of the first input at its own place, but for the coordinate along `axis`,
//! which is the index in the second input.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_element;
use super::shared::elements::Places;
use super::shared::inputs::Inputs;
use crate::{Element, Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 11,
    examples: &[
        Example::new(&[Input::Floats(&[4]), Input::Integers(&[2, -4, 0])], &[]),
        Example::new(&[Input::Bytes(&[3]), Input::Integers(&[1])], &[("axis", Value::Int(-1))]),
    ],
    eight_bit: EightBit::MOVE,
    ..Operator::new("GatherElements", "elements at indices along an axis", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    Places::new(inputs.node, inputs.shape(0)?, inputs.shape(1)?)?;
    inputs.like(0, inputs.shape(1)?)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn gathered<T: Element>(args: &Arguments<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
        let (from, shape) = (args.tensor(0)?.shape(), args.tensor(1)?.shape());
        let places = Places::new(args.node(), from, shape)?.offsets(args, 1)?;
        Ok(vec![Tensor::new(shape, T::wrap(places.into_iter().map(|at| x[at]).collect()))?])
    }
    by_element!(args, args.tensor(0)?, gathered)
}
