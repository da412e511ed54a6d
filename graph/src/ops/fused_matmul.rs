//! `FusedMatMul` of `com.microsoft`: a matrix product with a factor, whose matrices may be transposed.

use super::example::{Example, Input, Value};
use super::matmul;
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::domains::MICROSOFT;
use super::shared::indexing::{Offsets, strides};
use super::shared::inputs::Inputs;
use super::shared::product;
use crate::{Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    domains: &[MICROSOFT],
    examples: &[
        Example::new(
            &[Input::Floats(&[2, 3, 4]), Input::Floats(&[2, 5, 4])],
            &[("transB", Value::Int(1)), ("alpha", Value::Float(0.5))],
        ),
        Example::new(&[Input::Floats(&[4, 3]), Input::Weights(&[4, 5])], &[("transA", Value::Int(1))]),
    ],
    reads: product::depth,
    ..Operator::new("FusedMatMul", "alpha · A·B, each transposed or not", infer, evaluate)
};

/// Whether A and B are transposed.
fn transposed(node: &Node) -> Result<[bool; 2], Error> {
    for name in ["transBatchA", "transBatchB"] {
        if node.flag(name, false)? {
            return Err(Error::unsupported(node, format!("{name}: transpose the batch with a Transpose")));
        }
    }
    Ok([node.flag("transA", false)?, node.flag("transB", false)?])
}

/// The shape with the last two axes exchanged; a vector has nothing to exchange.
fn swapped(shape: &[usize]) -> Vec<usize> {
    let mut shape = shape.to_vec();
    if let [.., rows, columns] = shape.as_mut_slice() {
        std::mem::swap(rows, columns);
    }
    shape
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let [a, b] = transposed(inputs.node)?;
    let shape = |index: usize, swap: bool| {
        inputs.shape(index).map(|shape| if swap { swapped(shape) } else { shape.to_vec() })
    };
    inputs.like(0, product::shape_of(inputs.node, &shape(0, a)?, &shape(1, b)?)?)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let [a, b] = transposed(args.node())?;
    let operand = |index: usize, swap: bool| -> Result<Tensor, Error> {
        let tensor = args.tensor(index)?;
        if !swap {
            return Ok(tensor.clone());
        }
        let (x, to) = (tensor.as_f32()?, swapped(tensor.shape()));
        let offsets = Offsets::new(&to, &swapped(&strides(tensor.shape())));
        Tensor::new(to, offsets.map(|at| x[at]).collect::<Vec<_>>())
    };
    let (a, b) = (operand(0, a)?, operand(1, b)?);
    let alpha = args.node().float("alpha", 1.0)?;
    let mut products = (matmul::OP.evaluate)(&Arguments::new(args.node(), &[Some(&a), Some(&b)]))?;
    for product in &mut products {
        product.values_mut::<f32>()?.iter_mut().for_each(|x| *x *= alpha);
    }
    Ok(products)
}
