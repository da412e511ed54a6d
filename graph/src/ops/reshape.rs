//! `Reshape`: the new shape may contain one −1, which is inferred, and zeros, which keep the input's dimension (unless
//! `allowzero`).

use super::eight_bit::EightBit;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::inputs::Inputs;
use crate::exec::float;
use crate::{Error, Node, Tensor, TensorType, element_count};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[2, 3, 4]), Input::Integers(&[0, -1])], &[]),
        Example::new(&[Input::Bytes(&[1, 2, 3, 4]), Input::Integers(&[4, 6])], &[]),
    ],
    eight_bit: EightBit::MOVE,
    lower: float::lower::rename,
    ..Operator::new("Reshape", "the same elements in another shape", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    let wanted = inputs.integers(1)?.ok_or_else(|| inputs.error("input 1 is missing"))?;
    Ok(vec![TensorType::new(x.data_type, shape(inputs.node, &x.shape, wanted)?)])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let input = args.tensor(0)?;
    let shape = shape(args.node(), input.shape(), args.values::<i64>(1)?)?;
    Ok(vec![input.clone().reshape(shape)?])
}

fn shape(node: &Node, from: &[usize], wanted: &[i64]) -> Result<Vec<usize>, Error> {
    let zero_is_zero = node.flag("allowzero", false)?;
    let misfit = || Error::node(node, format!("a tensor of shape {from:?} does not reshape to {wanted:?}"));
    let mut open = None;
    let mut shape = Vec::with_capacity(wanted.len());
    for (axis, &size) in wanted.iter().enumerate() {
        shape.push(match size {
            0 if !zero_is_zero => *from.get(axis).ok_or_else(misfit)?,
            -1 if open.is_none() => {
                open = Some(axis);
                1
            }
            _ => usize::try_from(size).map_err(|_| misfit())?,
        });
    }
    let (have, known) = (element_count(from)?, element_count(&shape)?);
    if let Some(axis) = open {
        shape[axis] = have.checked_div(known).ok_or_else(misfit)?;
    }
    if element_count(&shape)? == have { Ok(shape) } else { Err(misfit()) }
}
