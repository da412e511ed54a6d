//! `Transpose`: axis `i` of the output is axis `perm[i]` of the input; without `perm`, the axes are reversed.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_element;
use super::shared::indexing::{Offsets, axis_of, strides};
use super::shared::inputs::Inputs;
use crate::{Element, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[2, 3, 4])], &[("perm", Value::Ints(&[2, 0, 1]))]),
        Example::new(&[Input::Bytes(&[1, 2, 3, 4])], &[]),
    ],
    eight_bit: EightBit::MOVE,
    ..Operator::new("Transpose", "the elements with the axes in another order", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    let order = order(inputs.node, x.shape.len())?;
    Ok(vec![TensorType::new(x.data_type, order.iter().map(|&axis| x.shape[axis]).collect::<Vec<_>>())])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn gathered<T: Element>(args: &Arguments<'_>, elements: &[T]) -> Result<Vec<Tensor>, Error> {
        let from = args.tensor(0)?.shape();
        let order = order(args.node(), from.len())?;
        let own = strides(from);
        let shape: Vec<usize> = order.iter().map(|&axis| from[axis]).collect();
        let strides: Vec<usize> = order.iter().map(|&axis| own[axis]).collect();
        let elements = Offsets::new(&shape, &strides).map(|at| elements[at]).collect();
        Ok(vec![Tensor::new(shape, T::wrap(elements))?])
    }
    by_element!(args, args.tensor(0)?, gathered)
}

/// For each axis of the output, the axis of the input.
fn order(node: &Node, rank: usize) -> Result<Vec<usize>, Error> {
    let Some(permutation) = node.ints("perm")? else { return Ok((0..rank).rev().collect()) };
    let mut seen = vec![false; rank];
    let mut order = Vec::with_capacity(rank);
    for &axis in permutation {
        let axis = axis_of(node, axis, rank)?;
        seen[axis] = true;
        order.push(axis);
    }
    if order.len() != rank || seen.contains(&false) {
        let reason = format!("{permutation:?} is no permutation of {rank} axes");
        return Err(Error::attribute(node, "perm", reason));
    }
    Ok(order)
}
