//! Shared by window functions: sums of cosines over the window (F. J. Harris, "On the use of windows for harmonic analysis with the
//! discrete Fourier transform", 1978).

use std::f64::consts::TAU;

use super::super::cast;
use super::super::example::{Example, Input, Value};
use super::super::operator::{Evaluate, Operator};
use super::arguments::Arguments;
use super::inputs::Inputs;
use super::integers::size;
use crate::{DataType, Error, Node, Tensor, TensorType, onnx};

/// A window whose length is the input.
pub(crate) const fn operator(name: &'static str, summary: &'static str, evaluate: Evaluate) -> Operator {
    const EXAMPLES: &[Example] = &[
        Example::new(&[Input::IntegersOf(&[], &[10])], &[]),
        Example::new(&[Input::IntegersOf(&[], &[7])], &[("periodic", Value::Int(0))]),
    ];
    Operator {
        since: 17,
        examples: EXAMPLES,
        output_type: |node, _| data_type(node).ok(),
        ..Operator::new(name, summary, infer, evaluate)
    }
}

fn data_type(node: &Node) -> Result<DataType, Error> {
    Ok(onnx::type_attribute(node, "output_datatype")?.unwrap_or(DataType::F32))
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let length = size(&Arguments::new(inputs.node, &[inputs.value(0)?]), 0)?;
    Ok(vec![TensorType::new(data_type(inputs.node)?, [length])])
}

/// `Σ terms[i] · cos(2π·i·n / period)`.
pub(crate) fn samples(args: &Arguments<'_>, terms: [f64; 3]) -> Result<Vec<Tensor>, Error> {
    let length = size(args, 0)?;
    args.count(&[length])?;
    let period = if args.node().flag("periodic", true)? { length } else { length.saturating_sub(1) };
    let sample = |n: usize| {
        let angle = TAU * n as f64 / period.max(1) as f64;
        terms[0] + terms[1] * angle.cos() + terms[2] * (2.0 * angle).cos()
    };
    let window: Vec<f64> = (0..length).map(sample).collect();
    Ok(vec![cast::converted(&Tensor::vector(window), data_type(args.node())?)?])
}
