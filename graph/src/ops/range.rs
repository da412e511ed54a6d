//! `Range`: the numbers from `start` until `limit`, `delta` apart.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_number;
use super::shared::inputs::Inputs;
use super::shared::number::Number;
use crate::{Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 11,
    examples: &[
        Example::new(&[Input::Float(1.0), Input::Float(3.0), Input::Float(0.5)], &[]),
        Example::new(&[Input::Float(3.0), Input::Float(1.0), Input::Float(-0.6)], &[]),
    ],
    ..Operator::new("Range", "the numbers from start until limit, delta apart", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    fn length<T: Number>(args: &Arguments<'_>, _: &[T]) -> Result<usize, Error> {
        bounds::<T>(args).map(|(_, _, count)| count)
    }
    let known = [inputs.value(0)?, inputs.value(1)?, inputs.value(2)?];
    let args = &Arguments::new(inputs.node, &known);
    inputs.like(0, [by_number!(args, args.tensor(0)?, length)?])
}

/// The first number, the step, and how many there are: `max(0, ⌈(limit − start) / delta⌉)`.
fn bounds<T: Number>(args: &Arguments<'_>) -> Result<(T, T, usize), Error> {
    let scalar = |index: usize| {
        args.optional_scalar::<T>(index)?.ok_or_else(|| args.error(format!("input {index} is missing")))
    };
    let (start, limit, delta) = (scalar(0)?, scalar(1)?, scalar(2)?);
    let count = T::steps(start, limit, delta).ok_or_else(|| args.error("a step that never arrives"))?;
    Ok((start, delta, args.count(&[count])?))
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn numbers<T: Number>(args: &Arguments<'_>, _: &[T]) -> Result<Vec<Tensor>, Error> {
        let (start, delta, count) = bounds::<T>(args)?;
        let number = |index: usize| start.add(T::of_count(index).mul(delta));
        Ok(vec![Tensor::vector((0..count).map(number).collect::<Vec<T>>())])
    }
    by_number!(args, args.tensor(0)?, numbers)
}
