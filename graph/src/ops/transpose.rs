//! `Transpose`: axis `i` of the output is axis `perm[i]` of the input; without `perm`, the axes are reversed.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_element;
use super::shared::indexing::{Offsets, axis_of, strides};
use super::shared::inputs::Inputs;
use crate::exec::builder::Builder;
use crate::exec::strided;
use crate::exec::{Layout, Shuffle};
use crate::{Element, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[2, 3, 4])], &[("perm", Value::Ints(&[2, 0, 1]))]),
        Example::new(&[Input::Bytes(&[1, 2, 3, 4])], &[]),
        Example::new(&[Input::Floats(&[2, 3, 4, 5])], &[("perm", Value::Ints(&[0, 3, 1, 2]))]),
        Example::new(&[Input::Bytes(&[2, 3, 4, 5])], &[("perm", Value::Ints(&[0, 2, 3, 1]))]),
        Example::new(&[Input::Floats(&[2, 1, 4, 5])], &[("perm", Value::Ints(&[0, 2, 3, 1]))]),
        Example::new(&[Input::Floats(&[2, 3, 1, 5, 4])], &[("perm", Value::Ints(&[0, 3, 4, 1, 2]))]),
    ],
    eight_bit: EightBit::MOVE,
    lower,
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
        let [shape, strides] = reordered(from, &order);
        let elements = Offsets::new(&shape, &strides).map(|at| elements[at]).collect();
        Ok(vec![Tensor::new(shape, T::wrap(elements))?])
    }
    by_element!(args, args.tensor(0)?, gathered)
}

/// The shape of the output, and the distances of the input's elements along its axes.
fn reordered(from: &[usize], order: &[usize]) -> [Vec<usize>; 2] {
    let own = strides(from);
    [from, &own].map(|sizes| order.iter().map(|&axis| sizes[axis]).collect())
}

/// Between NHWC and NCHW only the name of the layout changes; axes that trade places as blocks are a transposed matrix.
fn lower(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let from = builder.shape(node, 0)?;
    let order = order(node, from.len())?;
    let (input, output) = (node.required_input(0)?, node.required_output(0)?);
    match order[..] {
        [0, 3, 1, 2] => return builder.relabel(input, Layout::Plain, output, Layout::ChannelsLast),
        [0, 2, 3, 1] => return builder.relabel(input, Layout::ChannelsLast, output, Layout::Plain),
        _ => {}
    }
    let Some((rows, columns)) = as_matrix(&from, &order) else {
        let [shape, strides] = reordered(&from, &order);
        return strided::lower(builder, node, 0, &shape, &strides);
    };
    if rows == 1 {
        return builder.relabel(input, Layout::Plain, output, Layout::Plain);
    }
    let kernel = Box::new(Shuffle::matrices(rows, columns));
    builder.push_unary(node, Layout::Plain, |builder, name| builder.define(name, Layout::Plain), kernel)
}

/// The rows and columns if the transposition of a tensor of shape `from` is one of matrices, each of which is a run of elements;
/// one row if no element moves.
fn as_matrix(from: &[usize], order: &[usize]) -> Option<(usize, usize)> {
    let mut moved: Vec<usize> = order.iter().copied().filter(|&axis| from[axis] != 1).collect();
    let mut sorted = moved.clone();
    sorted.sort_unstable();
    // The first axes that stay are a batch.
    let batch = moved.iter().zip(&sorted).take_while(|(moved, sorted)| moved == sorted).count();
    moved.drain(..batch);
    sorted.drain(..batch);
    let Some(first) = moved.first() else { return Some((1, 1)) };
    let at = sorted.iter().position(|axis| axis == first)?;
    let (rows, columns) = sorted.split_at(at);
    let size = |axes: &[usize]| axes.iter().map(|&axis| from[axis]).product();
    moved.iter().eq(columns.iter().chain(rows)).then(|| (size(rows), size(columns)))
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
