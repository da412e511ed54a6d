//! Shared by products with constant weights: decides which of them can be quantized.

use super::super::eight_bit::{Compute, EightBit, OnBytes, WeightAxis, WhyFloat};
use super::values::Values;
use crate::{DataType, Error, Node};

/// The role of a product of an activation and weights.
pub(crate) const fn eight_bit(weight_axis: WeightAxis, why_float: WhyFloat, on_bytes: OnBytes) -> EightBit {
    EightBit::Compute(Compute { data_inputs: 1, weight_axis: Some(weight_axis), why_float, on_bytes })
}

/// The reason why the weights or the bias (inputs 1 and 2) cannot be quantized, with channels along `axis` of the weights;
/// `None` if they can. `matrix` requires weights of rank 2.
pub(crate) fn why_float(
    node: &Node,
    values: &Values<'_>,
    axis: usize,
    matrix: bool,
) -> Result<Option<String>, Error> {
    let Some(weights) = values.constant(node.required_input(1)?) else {
        return Ok(Some("its weights are not constant".to_owned()));
    };
    if weights.data_type() != DataType::F32 {
        return Ok(Some(format!("its weights are {}", weights.data_type())));
    }
    if matrix && weights.rank() != 2 || weights.rank() <= axis {
        return Ok(Some(format!("its weights have rank {}", weights.rank())));
    }
    let channels = weights.shape()[axis];
    let Some(bias) = node.input(2) else { return Ok(None) };
    Ok(match values.constant(bias) {
        None => Some("its bias is not constant".to_owned()),
        Some(bias) if bias.data_type() != DataType::F32 => Some(format!("its bias is {}", bias.data_type())),
        Some(bias) if bias.len() == 1 || bias.len() == channels && bias.shape().last() == Some(&channels) => {
            None
        }
        Some(bias) => Some(format!("its bias of shape {:?} is not one number per channel", bias.shape())),
    })
}
