//! The optional scales and bias of `ConvInteger` and `MatMulInteger`, with which their sums become floats:
//! `sum · scale[c] + bias[c]`, each operation rounded to `f32`. `passes::fuse_dynamic` gives them to nodes.

use super::arguments::Arguments;
use super::inputs::Inputs;
use crate::{DataType, Error, Node, Tensor};

/// The inputs of the scales and of the bias, after both factors and their zero points.
pub(crate) const SCALES: usize = 4;
pub(crate) const BIAS: usize = 5;

/// The type of the output of a node: floats if it has scales.
pub(crate) fn data_type(node: &Node) -> DataType {
    if node.input(SCALES).is_some() { DataType::F32 } else { DataType::I32 }
}

/// Checks that there is one scale or one for each channel, and no bias or one number for each channel of scaled sums.
pub(crate) fn check(inputs: &Inputs<'_>, channels: usize) -> Result<(), Error> {
    let len = |index: usize| inputs.optional(index).map(|of| of.shape.iter().product::<usize>());
    match (len(SCALES), len(BIAS)) {
        (None, Some(_)) => Err(inputs.error("has a bias without scales")),
        (Some(scales), _) if scales != 1 && scales != channels => {
            Err(inputs.error(format!("has {scales} scales for {channels} channels")))
        }
        (_, Some(bias)) if bias != channels => {
            Err(inputs.error(format!("has {bias} biases for {channels} channels")))
        }
        _ => Ok(()),
    }
}

/// The output of a node from its sums: element `at` is of the channel `channel(at)`.
pub(crate) fn output(
    args: &Arguments<'_>,
    sums: Tensor,
    channels: usize,
    channel: impl Fn(usize) -> usize,
) -> Result<Tensor, Error> {
    if args.optional(SCALES).is_none() {
        return Ok(sums);
    }
    let scales = args.values::<f32>(SCALES)?;
    let bias = args.optional(BIAS).map(Tensor::as_f32).transpose()?;
    if scales.len() != 1 && scales.len() != channels || bias.is_some_and(|bias| bias.len() != channels) {
        return Err(args.error(format!("its scales or its bias do not fit {channels} channels")));
    }
    if let Some(scale) = scales.iter().find(|scale| !scale.is_finite()) {
        return Err(args.error(format!("scale {scale} is not finite")));
    }
    let float = |(at, &sum): (usize, &i32)| {
        let product = sum as f32 * scales[if scales.len() == 1 { 0 } else { channel(at) }];
        bias.map_or(product, |bias| product + bias[channel(at)])
    };
    let floats: Vec<f32> = sums.as_i32()?.iter().enumerate().map(float).collect();
    Tensor::new(sums.shape(), floats)
}
