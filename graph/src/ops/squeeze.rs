//! `Squeeze`: without axes, it removes all axes of size 1.

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
    examples: &[
        Example::new(&[Input::Floats(&[2, 1, 3, 1]), Input::Integers(&[-1])], &[]),
        Example::new(&[Input::Floats(&[2, 1, 3, 1])], &[]),
    ],
    eight_bit: EightBit::MOVE,
    lower: float::lower::rename,
    upgrade: upgrade::axes,
    ..Operator::new("Squeeze", "the same elements without axes of size 1", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    Ok(vec![TensorType::new(x.data_type, shape(inputs.node, &x.shape, inputs.integers(1)?)?)])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let input = args.tensor(0)?;
    let axes = args.axes(1)?;
    Ok(vec![input.clone().reshape(shape(args.node(), input.shape(), axes.as_deref())?)?])
}

fn shape(node: &Node, from: &[usize], axes: Option<&[i64]>) -> Result<Vec<usize>, Error> {
    let gone = match axes {
        Some(axes) => axes::named(node, axes, from.len())?,
        None => from.iter().map(|&size| size == 1).collect(),
    };
    if let Some(axis) = (0..from.len()).find(|&axis| gone[axis] && from[axis] != 1) {
        return Err(Error::node(node, format!("axis {axis} of shape {from:?} is not 1")));
    }
    Ok(from.iter().zip(gone).filter(|&(_, gone)| !gone).map(|(&size, _)| size).collect())
}
