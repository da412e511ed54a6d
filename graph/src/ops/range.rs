//! `Range`: the numbers from `start` until `limit`, `delta` apart.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::binary::Number;
use super::shared::by_element::by_number;
use super::shared::inputs::Inputs;
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
    let mut bounds = Vec::with_capacity(3);
    for index in 0..3 {
        bounds.push(inputs.value(index)?);
    }
    // The length alone follows from the values: they are computed.
    let numbers = evaluate(&Arguments::new(inputs.node, &bounds))?;
    Ok(numbers.iter().map(TensorType::of).collect())
}

/// `max(0, ⌈(limit − start) / delta⌉)` numbers.
fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn numbers<T: Number>(args: &Arguments<'_>, _: &[T]) -> Result<Vec<Tensor>, Error> {
        let scalar = |index: usize| {
            args.optional_scalar::<T>(index)?.ok_or_else(|| args.error(format!("input {index} is missing")))
        };
        let (start, limit, delta) = (scalar(0)?, scalar(1)?, scalar(2)?);
        let count = T::steps(start, limit, delta).ok_or_else(|| args.error("a step that never arrives"))?;
        let numbers = (0..args.count(&[count])?).map(|index| start.add(T::of_count(index).mul(delta)));
        Ok(vec![Tensor::vector(numbers.collect::<Vec<T>>())])
    }
    by_number!(args, args.tensor(0)?, numbers)
}
