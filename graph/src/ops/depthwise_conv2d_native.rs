//! `DepthwiseConv2dNative` of TensorFlow between eight-bit operators. Inputs: images NHWC, weights height × width × channels × outputs of
//! each. Attributes are those of `Conv`.
//!
//! The ranges of codes depend on the last bits of its results, which are TensorFlow's: products are added one by one, in the order of
//! the weights, from 0 on, and each product and each sum is rounded to `f32`
//! (tensorflow/core/kernels/depthwise_conv_op.cc, as TensorFlow is built without fused multiply-adds).

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::quantized_conv2d::{output_shape, reordered};
use super::shared::arguments::Arguments;
use super::shared::convolution::Geometry;
use super::shared::domains::TENSORFLOW;
use super::shared::inputs::Inputs;
use crate::exec::float;
use crate::{DataType, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    domains: &[TENSORFLOW],
    examples: &[
        Example::new(
            &[Input::Floats(&[2, 5, 6, 3]), Input::Weights(&[3, 2, 3, 1])],
            &[("auto_pad", Value::Text("SAME_UPPER")), ("strides", Value::Ints(&[2, 1]))],
        ),
        Example::new(&[Input::Floats(&[1, 4, 4, 2]), Input::Weights(&[2, 2, 2, 3])], &[]),
    ],
    multiplies: true,
    reads: |inputs| {
        let taps = inputs.optional(1).and_then(|w| w.shape.get(..2));
        taps.map_or(1, |taps| taps.iter().fold(1usize, |depth, &size| depth.saturating_mul(size)))
    },
    lower: float::lower::depthwise,
    ..Operator::new(
        "DepthwiseConv2dNative",
        "a convolution of each channel, with TensorFlow's roundings",
        infer,
        evaluate,
    )
};

/// The sizes of the convolution of images of shape `x` (NHWC) with weights of shape `w`.
pub(crate) fn geometry(node: &Node, x: &[usize], w: &[usize]) -> Result<Geometry, Error> {
    let fault =
        || Error::node(node, format!("images of shape {x:?} and weights of shape {w:?} do not convolve"));
    let (&[batch, height, width, channels], &[kernel_height, kernel_width, inputs, multiplier]) = (x, w)
    else {
        return Err(fault());
    };
    if channels == 0 || inputs != channels || node.attributes.contains_key("group") {
        return Err(fault());
    }
    let outputs = inputs.checked_mul(multiplier).ok_or_else(fault)?;
    let w = [outputs, inputs, kernel_height, kernel_width];
    let geometry = Geometry::new(node, &[batch, channels, height, width], &w)?;
    Ok(Geometry { groups: channels, ..geometry })
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let geometry = geometry(inputs.node, inputs.shape(0)?, inputs.shape(1)?)?;
    Ok(vec![TensorType::new(DataType::F32, output_shape(&geometry))])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let (x, w) = (args.tensor(0)?, args.tensor(1)?);
    let geometry = geometry(args.node(), x.shape(), w.shape())?;
    let shape = output_shape(&geometry);
    let count = args.count(&shape)?;
    let x = reordered(args.values::<f32>(0)?, x.shape(), [0, 3, 1, 2]);
    let w = reordered(args.values::<f32>(1)?, w.shape(), [2, 3, 0, 1]);
    let mut y = vec![0f32; count];
    geometry.visit(|at, _, pairs| y[at] = pairs.fold(0.0, |sum, (i, j)| sum + x[i] * w[j]));
    Ok(vec![Tensor::new(shape, reordered(&y, &geometry.output(), [0, 2, 3, 1]))?])
}
