//! `QuantizedConv2D` of TensorFlow. Inputs: images NHWC, weights height × width × inputs × outputs, the range of each. Attributes are those
//! of `Conv`.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_byte::{by_byte, offset_bytes};
use super::shared::code_range::{Code, CodeRange, outputs, types};
use super::shared::convolution::Geometry;
use super::shared::domains::TENSORFLOW;
use super::shared::indexing::{Offsets, strides};
use super::shared::inputs::Inputs;
use crate::exec::integer::coded;
use crate::{DataType, Error, Node, Tensor, TensorType};

const RANGES: [Input; 4] = [Input::Float(-3.2), Input::Float(5.1), Input::Float(-0.7), Input::Float(0.9)];

pub(crate) static OP: Operator = Operator {
    domains: &[TENSORFLOW],
    examples: &[
        Example::new(
            &[
                Input::Bytes(&[2, 5, 6, 3]),
                Input::ByteWeights(&[3, 2, 3, 4]),
                RANGES[0],
                RANGES[1],
                RANGES[2],
                RANGES[3],
            ],
            &[("auto_pad", Value::Text("SAME_UPPER")), ("strides", Value::Ints(&[2, 1]))],
        )
        .outputs(3),
        // Zero is none of the codes.
        Example::new(
            &[
                Input::Bytes(&[1, 3, 3, 2]),
                Input::ByteWeights(&[2, 2, 2, 3]),
                Input::Float(1.0),
                Input::Float(5.0),
                RANGES[2],
                RANGES[3],
            ],
            &[("pads", Value::Ints(&[1, 0, 0, 1]))],
        )
        .outputs(3),
    ],
    eight_bit: EightBit::Bytes,
    multiplies: true,
    reads: |inputs| {
        inputs
            .optional(1)
            .and_then(|w| w.shape.get(..3))
            .map_or(1, |taps| taps.iter().fold(1usize, |depth, &size| depth.saturating_mul(size)))
    },
    lower: coded::products::convolution,
    output_type: |_, _| Some(DataType::I32),
    ..Operator::new("QuantizedConv2D", "a convolution of bytes to 32-bit codes", infer, evaluate)
};

/// The sizes of the convolution of images of shape `x` (NHWC) with weights of shape `w` (HWIO).
pub(crate) fn geometry(node: &Node, x: &[usize], w: &[usize]) -> Result<Geometry, Error> {
    let (&[batch, height, width, channels], &[kernel_height, kernel_width, inputs, outputs]) = (x, w) else {
        return Err(Error::node(
            node,
            format!("images of shape {x:?} and weights of shape {w:?} do not convolve"),
        ));
    };
    Geometry::new(node, &[batch, channels, height, width], &[outputs, inputs, kernel_height, kernel_width])
}

/// The shape of the output, NHWC.
pub(crate) fn output_shape(geometry: &Geometry) -> Vec<usize> {
    [&[geometry.batch], geometry.window.sizes.output.as_slice(), &[geometry.out_channels()]].concat()
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let geometry = geometry(inputs.node, inputs.shape(0)?, inputs.shape(1)?)?;
    Ok(types(DataType::I32, output_shape(&geometry)))
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn sums<X: Code, W: Code>(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
        let (x, w) = (args.tensor(0)?, args.tensor(1)?);
        let (x_range, w_range) = (CodeRange::of(args, 2)?, CodeRange::of(args, 4)?);
        let geometry = geometry(args.node(), x.shape(), w.shape())?;
        let shape = output_shape(&geometry);
        let count = args.count(&shape)?;
        let x = reordered(&offset_bytes::<X>(args, 0, x_range)?, x.shape(), [0, 3, 1, 2]);
        let w = reordered(&offset_bytes::<W>(args, 1, w_range)?, w.shape(), [3, 2, 0, 1]);
        let of_weights: Vec<i32> = w.chunks(geometry.depth().max(1)).map(wrapping_sum).collect();
        let border = border::<X>(x_range);
        let mut y = vec![0i32; count];
        geometry.visit(|at, channel, pairs| {
            let (sum, inside) = pairs.fold((0i32, 0i32), |(sum, inside), (i, j)| {
                (sum.wrapping_add(x[i].wrapping_mul(w[j])), inside.wrapping_add(w[j]))
            });
            let outside = of_weights.get(channel).map_or(0, |all| all.wrapping_sub(inside));
            y[at] = sum.wrapping_add(border.wrapping_mul(outside));
        });
        let y = reordered(&y, &geometry.output(), [0, 2, 3, 1]);
        outputs(&shape, y, CodeRange::of_products::<X, W>(x_range, w_range))
    }
    by_byte!(args, [X: 0, W: 1], sums::<X, W>(args))
}

/// What TensorFlow takes for an element outside of an image, less the code of 0: the low bits of that code, where it is above all codes.
fn border<X: Code>(range: CodeRange) -> i32 {
    let zero = range.unbounded_code::<X>(0.0);
    let is_above = zero as f64 > X::HIGHEST;
    if is_above { (X::of_bits(zero as u32).into() as i64).wrapping_sub(zero) as i32 } else { 0 }
}

fn wrapping_sum(all: &[i32]) -> i32 {
    all.iter().fold(0, |sum, &x| sum.wrapping_add(x))
}

/// The elements of a tensor of `shape` with its axes in another order.
pub(crate) fn reordered<T: Copy>(elements: &[T], shape: &[usize], order: [usize; 4]) -> Vec<T> {
    let own = strides(shape);
    let [shape, strides] = [shape, &own].map(|of| order.map(|axis| of[axis]));
    Offsets::new(&shape, &strides).map(|at| elements[at]).collect()
}
