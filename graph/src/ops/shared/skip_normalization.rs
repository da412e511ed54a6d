//! Shared by ONNX Runtime's normalizations of a sum: of the input, a skipped value and a bias. Outputs: the results, the means, the
//! inverse deviations, and the sum.

use super::super::add;
use super::arguments::Arguments;
use super::inputs::Inputs;
use super::layer_normalization::Layer;
use super::normalization::check_broadcast;
use super::qlinear::float;
use crate::{Error, Tensor, TensorType};

/// The types of the outputs; `bias` is the input that is added to the sum.
pub(crate) fn infer(layer: &Layer, bias: usize, inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    inputs.get(1)?;
    check_broadcast(inputs, 1)?;
    check_broadcast(inputs, bias)?;
    let [y, mean, inverse] = layer.infer(inputs)?;
    Ok(vec![y.clone(), mean, inverse, y])
}

pub(crate) fn evaluate(layer: &Layer, bias: usize, args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let x = args.tensor(0)?;
    let mut sum = float(args, add::OP.evaluate, &[Some(x), Some(args.tensor(1)?)])?;
    if let Some(bias) = args.optional(bias) {
        sum = float(args, add::OP.evaluate, &[Some(&sum), Some(bias)])?;
    }
    if sum.shape() != x.shape() {
        return Err(args.error(format!("a sum of shape {:?} for an input of {:?}", sum.shape(), x.shape())));
    }
    let [y, mean, inverse] = layer.evaluate(args, &sum)?;
    Ok(vec![y, mean, inverse, sum])
}
