//! `AffineGrid`: the coordinates from −1 to 1 of the elements of an image (or a volume), transformed by a matrix: a grid for
//! `GridSample`.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::indexing::for_each_index;
use super::shared::inputs::Inputs;
use crate::{Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 20,
    examples: &[
        Example::new(&[Input::Floats(&[2, 2, 3]), Input::Integers(&[2, 1, 3, 4])], &[]),
        Example::new(
            &[Input::Floats(&[1, 3, 4]), Input::Integers(&[1, 2, 2, 3, 4])],
            &[("align_corners", Value::Int(1))],
        ),
    ],
    ..Operator::new("AffineGrid", "coordinates transformed by matrices", infer, evaluate)
};

/// The shape of the grid.
fn shape(node: &Node, theta: &[usize], size: &[i64]) -> Result<Vec<usize>, Error> {
    let misfit = || Error::node(node, format!("matrices of shape {theta:?} for images of {size:?}"));
    let sizes: Option<Vec<usize>> = size.iter().map(|&size| usize::try_from(size).ok()).collect();
    match sizes.ok_or_else(misfit)?.as_slice() {
        [batch, _, sides @ ..]
            if matches!(sides.len(), 2 | 3) && theta == [*batch, sides.len(), sides.len() + 1] =>
        {
            Ok([&[*batch], sides, &[sides.len()]].concat())
        }
        _ => Err(misfit()),
    }
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let size = inputs.integers(1)?.ok_or_else(|| inputs.error("input 1, the size, is missing"))?;
    inputs.like(0, shape(inputs.node, inputs.shape(0)?, size)?)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let (theta, align) = (args.tensor(0)?, args.node().flag("align_corners", false)?);
    let shape = shape(args.node(), theta.shape(), args.values::<i64>(1)?)?;
    let mut grid = Vec::with_capacity(args.count(&shape)?);
    let sides = &shape[1..shape.len() - 1];
    let coordinate = |at: usize, side: usize| match (align, side) {
        (true, 1) => 0.0,
        (true, side) => 2.0 * at as f64 / (side - 1) as f64 - 1.0,
        (false, side) => (2 * at + 1) as f64 / side as f64 - 1.0,
    };
    let mut point = Vec::with_capacity(sides.len() + 1);
    for matrix in theta.as_f32()?.chunks_exact(sides.len() * (sides.len() + 1)) {
        for_each_index(sides, |index| {
            // The last axis is the first coordinate.
            point.clear();
            point.extend(index.iter().zip(sides).rev().map(|(&at, &side)| coordinate(at, side)));
            point.push(1.0);
            for row in matrix.chunks_exact(point.len()) {
                grid.push(row.iter().zip(&point).map(|(&a, b)| f64::from(a) * b).sum::<f64>() as f32);
            }
        });
    }
    Ok(vec![Tensor::new(shape, grid)?])
}
