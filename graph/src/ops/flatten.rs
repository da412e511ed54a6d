//! `Flatten`: two dimensions, those before `axis` and the others.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::indexing::axis_of;
use super::shared::inputs::Inputs;
use crate::exec::float;
use crate::{Error, Node, Tensor, TensorType, element_count};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[2, 3, 4])], &[]),
        Example::new(&[Input::Floats(&[2, 3, 4])], &[("axis", Value::Int(-1))]),
    ],
    eight_bit: EightBit::MOVE,
    lower: float::lower::rename,
    ..Operator::new("Flatten", "the same elements as a matrix", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    Ok(vec![TensorType::new(x.data_type, shape(inputs.node, &x.shape)?)])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let input = args.tensor(0)?;
    Ok(vec![input.clone().reshape(shape(args.node(), input.shape())?)?])
}

fn shape(node: &Node, from: &[usize]) -> Result<[usize; 2], Error> {
    let axis = node.int("axis", 1)?;
    // The axis may be one past the last.
    let axis = if axis == from.len() as i64 { from.len() } else { axis_of(node, axis, from.len())? };
    let (rows, columns) = from.split_at(axis);
    Ok([element_count(rows)?, element_count(columns)?])
}
