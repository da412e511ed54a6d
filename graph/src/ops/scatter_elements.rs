//! `ScatterElements`: the first input with the updates at their own places, but for the coordinate along `axis`, which is the
//! index. Updates of the same place are applied in order.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::elements::Places;
use super::shared::inputs::Inputs;
use super::shared::scatter::Runs;
use super::shared::unary::same;
use crate::{Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 11,
    examples: &[
        Example::new(&[Input::Floats(&[5]), Input::Integers(&[1, -1]), Input::Weights(&[2])], &[]),
        Example::new(
            &[Input::Floats(&[5]), Input::Integers(&[1, 1]), Input::Weights(&[2])],
            &[("axis", Value::Int(-1)), ("reduction", Value::Text("add"))],
        ),
        Example::new(
            &[Input::Bytes(&[5]), Input::Integers(&[3, 0]), Input::Bytes(&[2])],
            &[("reduction", Value::Text("max"))],
        ),
    ],
    ..Operator::new("ScatterElements", "the input with elements replaced at indices", infer, evaluate)
};

pub(super) fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    Places::new(inputs.node, inputs.shape(0)?, inputs.shape(1)?)?;
    same(inputs)
}

pub(super) fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let (shape, indices) = (args.tensor(0)?.shape(), args.tensor(1)?.shape());
    if args.tensor(2)?.shape() != indices {
        return Err(args.error("the updates must have the shape of the indices"));
    }
    let offsets = Places::new(args.node(), shape, indices)?.offsets(args, 1)?;
    Runs { args, offsets, length: 1 }.write()
}
