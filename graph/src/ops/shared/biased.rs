//! Shared by ONNX Runtime's activations of an input and a bias, which is a vector along the last axis.

use super::super::example::{Example, Input};
use super::super::operator::{Evaluate, Operator};
use super::arguments::Arguments;
use super::domains::MICROSOFT;
use super::inputs::Inputs;
use crate::{Error, Node, Tensor, TensorType};

/// An activation of `x + bias`.
pub(crate) const fn operator(name: &'static str, summary: &'static str, evaluate: Evaluate) -> Operator {
    const EXAMPLES: &[Example] = &[
        Example::new(&[Input::Floats(&[2, 3, 4]), Input::Weights(&[4])], &[]),
        Example::new(&[Input::Floats(&[2, 5]), Input::Weights(&[5])], &[]),
    ];
    Operator { domains: &[MICROSOFT], examples: EXAMPLES, ..Operator::new(name, summary, infer, evaluate) }
}

fn check(node: &Node, x: &[usize], bias: &[usize]) -> Result<(), Error> {
    if x.last().is_some_and(|&last| *bias == [last]) {
        return Ok(());
    }
    Err(Error::node(node, format!("a bias of shape {bias:?} for an input of shape {x:?}")))
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    if let Some(bias) = inputs.optional(1) {
        check(inputs.node, &x.shape, &bias.shape)?;
    }
    Ok(vec![x.clone()])
}

/// `function(x + bias)`, the sum in `f32`.
pub(crate) fn floats(args: &Arguments<'_>, function: fn(f64) -> f64) -> Result<Vec<Tensor>, Error> {
    let input = args.tensor(0)?;
    let x = input.as_f32()?;
    let bias = args.optional(1);
    if let Some(bias) = bias {
        check(args.node(), input.shape(), bias.shape())?;
    }
    let bias = bias.map_or(Ok(&[0.0f32][..]), Tensor::as_f32)?;
    let y: Vec<f32> =
        x.iter().zip(bias.iter().cycle()).map(|(&x, &bias)| function(f64::from(x + bias)) as f32).collect();
    Ok(vec![Tensor::new(input.shape(), y)?])
}
