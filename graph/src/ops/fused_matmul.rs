//! `FusedMatMul` of `com.microsoft`: a matrix product with a factor, whose matrices may be transposed.

use super::example::{Example, Input, Value};
use super::matmul;
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::domains::MICROSOFT;
use super::shared::indexing::{Offsets, strides};
use super::shared::inputs::Inputs;
use super::shared::product;
use crate::exec::builder::Builder;
use crate::exec::float::batched;
use crate::{Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    domains: &[MICROSOFT],
    examples: &[
        Example::new(
            &[Input::Floats(&[2, 3, 4]), Input::Floats(&[2, 5, 4])],
            &[("transB", Value::Int(1)), ("alpha", Value::Float(0.5))],
        ),
        Example::new(&[Input::Floats(&[4, 3]), Input::Weights(&[4, 5])], &[("transA", Value::Int(1))]),
        Example::new(
            &[Input::Floats(&[4, 2, 6, 3]), Input::Floats(&[4, 2, 6, 5])],
            &[("transBatchA", Value::Int(1)), ("transA", Value::Int(1)), ("transBatchB", Value::Int(1))],
        ),
    ],
    multiplies: true,
    reads: product::depth,
    lower,
    ..Operator::new("FusedMatMul", "alpha · A·B, each transposed or not", infer, evaluate)
};

/// For each axis of a transposed operand of `rank` axes, its axis in the input: with `transBatch…` the first axis of the input, in
/// front of the batch, is that of the rows; with `trans…` the last two axes are exchanged then.
fn axes(node: &Node, index: usize, rank: usize) -> Result<Vec<usize>, Error> {
    let [batch, matrix] = [["transBatchA", "transA"], ["transBatchB", "transB"]][index];
    let mut axes: Vec<usize> = (0..rank).collect();
    if node.flag(batch, false)? {
        if rank < 3 {
            return Err(Error::attribute(
                node,
                batch,
                format!("needs a batch, input {index} has {rank} axes"),
            ));
        }
        axes[..rank - 1].rotate_left(1);
    }
    // A vector has nothing to exchange.
    if node.flag(matrix, false)? && rank >= 2 {
        axes.swap(rank - 2, rank - 1);
    }
    Ok(axes)
}

/// Kernels take first matrices as they are.
fn lower(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    for flag in ["transA", "transBatchA", "transBatchB"] {
        if node.flag(flag, false)? {
            return Ok(false);
        }
    }
    batched::lower(builder, node, node.float("alpha", 1.0)?, node.flag("transB", false)?)
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let shape = |index: usize| -> Result<Vec<usize>, Error> {
        let shape = inputs.shape(index)?;
        Ok(axes(inputs.node, index, shape.len())?.into_iter().map(|axis| shape[axis]).collect())
    };
    inputs.like(0, product::shape_of(inputs.node, &shape(0)?, &shape(1)?)?)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let operand = |index: usize| -> Result<Tensor, Error> {
        let tensor = args.tensor(index)?;
        let axes = axes(args.node(), index, tensor.rank())?;
        if axes.is_sorted() {
            return Ok(tensor.clone());
        }
        let (x, steps) = (tensor.as_f32()?, strides(tensor.shape()));
        let to: Vec<usize> = axes.iter().map(|&axis| tensor.shape()[axis]).collect();
        let steps: Vec<usize> = axes.iter().map(|&axis| steps[axis]).collect();
        Tensor::new(to.as_slice(), Offsets::new(&to, &steps).map(|at| x[at]).collect::<Vec<_>>())
    };
    let (a, b) = (operand(0)?, operand(1)?);
    let alpha = args.node().float("alpha", 1.0)?;
    let mut products = (matmul::OP.evaluate)(&Arguments::new(args.node(), &[Some(&a), Some(&b)]))?;
    for product in &mut products {
        product.values_mut::<f32>()?.iter_mut().for_each(|x| *x *= alpha);
    }
    Ok(products)
}
