//! `Unsqueeze`: axes are numbered as in the output.

use super::eight_bit::EightBit;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::axes;
use super::shared::inputs::Inputs;
use super::shared::upgrade;
use crate::exec::float;
use crate::{Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[Example::new(&[Input::Floats(&[2, 3]), Input::Integers(&[0, -1])], &[])],
    eight_bit: EightBit::MOVE,
    lower: float::lower::rename,
    upgrade: upgrade::axes,
    ..Operator::new("Unsqueeze", "the same elements with more axes of size 1", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    let axes = inputs.integers(1)?.ok_or_else(|| inputs.error("input 1, the axes, is missing"))?;
    Ok(vec![TensorType::new(x.data_type, shape(inputs.node, &x.shape, axes)?)])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let input = args.tensor(0)?;
    let axes = args.axes(1)?.ok_or_else(|| args.error("axes are missing"))?;
    Ok(vec![input.clone().reshape(shape(args.node(), input.shape(), &axes)?)?])
}

fn shape(node: &Node, from: &[usize], axes: &[i64]) -> Result<Vec<usize>, Error> {
    let new = axes::named(node, axes, from.len() + axes.len())?;
    let mut old = from.iter().copied();
    Ok(new.into_iter().map(|new| if new { 1 } else { old.next().unwrap_or(1) }).collect())
}
