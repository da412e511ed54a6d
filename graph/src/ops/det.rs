//! `Det`: determinants of the matrices in the last two axes, by elimination with pivots.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::doubles::{doubles, rounded};
use super::shared::inputs::Inputs;
use crate::{Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 11,
    examples: &[
        Example::new(&[Input::Floats(&[3, 3])], &[]),
        Example::new(&[Input::Floats(&[2, 3, 4, 4])], &[]),
    ],
    reads: |inputs| {
        let size = inputs.optional(0).and_then(|x| x.shape.last().copied()).unwrap_or(1);
        size.saturating_pow(3)
    },
    ..Operator::new("Det", "determinants of matrices", infer, evaluate)
};

/// The shape of the stack of matrices, and their size.
fn split<'s>(node: &Node, shape: &'s [usize]) -> Result<(&'s [usize], usize), Error> {
    match shape {
        [stack @ .., rows, columns] if rows == columns => Ok((stack, *rows)),
        _ => Err(Error::node(node, format!("a tensor of shape {shape:?} is not of square matrices"))),
    }
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let (stack, _) = split(inputs.node, inputs.shape(0)?)?;
    inputs.like(0, stack)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let (stack, size) = split(args.node(), args.tensor(0)?.shape())?;
    let count = args.count(stack)?;
    let mut x = doubles(args, 0)?;
    let determinants = match size {
        // The empty product.
        0 => vec![1.0; count],
        _ => x.chunks_exact_mut(size * size).map(|matrix| determinant(matrix, size)).collect(),
    };
    Ok(vec![rounded(args, stack, determinants)?])
}

/// The determinant of a matrix, which is overwritten.
fn determinant(matrix: &mut [f64], size: usize) -> f64 {
    let mut product = 1.0;
    for step in 0..size {
        let magnitude = |row: &usize| matrix[row * size + step].abs();
        let pivot = (step..size).max_by(|a, b| magnitude(a).total_cmp(&magnitude(b))).unwrap_or(step);
        if pivot != step {
            let (above, below) = matrix.split_at_mut(pivot * size);
            above[step * size..][..size].swap_with_slice(&mut below[..size]);
            product = -product;
        }
        let (above, below) = matrix.split_at_mut((step + 1) * size);
        let top = &above[step * size..];
        product *= top[step];
        if top[step] == 0.0 {
            return 0.0;
        }
        for row in below.chunks_exact_mut(size) {
            let factor = row[step] / top[step];
            row.iter_mut().zip(top).skip(step).for_each(|(x, top)| *x -= factor * top);
        }
    }
    product
}
