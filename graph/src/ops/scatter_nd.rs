//! `ScatterND`: the first input with the slices at tuples of indices replaced by the updates. Updates of the same slice are applied
//! in order.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::inputs::Inputs;
use super::shared::scatter::Runs;
use super::shared::tuples::Tuples;
use super::shared::unary::same;
use crate::{Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 11,
    examples: &[
        Example::new(&[Input::Floats(&[3, 2]), Input::Integers(&[-1]), Input::Weights(&[2])], &[]),
        Example::new(
            &[Input::Bytes(&[3]), Input::Integers(&[1]), Input::Bytes(&[])],
            &[("reduction", Value::Text("min"))],
        ),
    ],
    ..Operator::new("ScatterND", "the input with slices replaced at tuples of indices", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    Tuples::new(inputs.node, inputs.shape(0)?, inputs.shape(1)?, 0)?;
    same(inputs)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let tuples = Tuples::new(args.node(), args.tensor(0)?.shape(), args.tensor(1)?.shape(), 0)?;
    let (offsets, length) = (tuples.offsets(args, 1)?, args.count(&tuples.slice)?);
    Runs { args, offsets, length }.write()
}
