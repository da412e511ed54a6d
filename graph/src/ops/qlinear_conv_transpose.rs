//! `QLinearConvTranspose`: what `QLinearConv` is to `Conv`. Inputs: x, scale, zero point, w, scale, zero point, scale and zero point of
//! the output, bias.

use super::cast;
use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::domains::EIGHTBIT;
use super::shared::inputs::Inputs;
use super::shared::scales::{self, ProductBias, Scales, ZeroPoints};
use super::shared::transposed::{self, Geometry};
use crate::exec::integer;
use crate::{DataType, Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    domains: &[EIGHTBIT],
    examples: &[
        Example::new(
            &[
                Input::Quantized(&[1, 3, 4, 5], 0.05, 100),
                Input::QuantizedWeights(&[3, 4, 3, 2], 0.01),
                Input::Scale(0.7, 120),
                Input::Bias(&[4]),
            ],
            &[("pads", Value::Ints(&[1, 0, 1, 1])), ("strides", Value::Ints(&[2, 1]))],
        ),
        Example::new(
            &[
                Input::Quantized(&[2, 2, 3], 0.05, 100),
                Input::QuantizedWeights(&[2, 1, 2], 0.01),
                Input::Scale(0.1, 120),
            ],
            &[("group", Value::Int(2))],
        ),
    ],
    eight_bit: EightBit::Bytes,
    multiplies: true,
    reads: |inputs| transposed::reads(inputs, 3),
    lower: integer::conv_transpose::lower,
    output_type: |_, inputs| inputs.get(7).copied().flatten(),
    ..Operator::new("QLinearConvTranspose", "a transposed convolution of bytes to bytes", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    inputs.like(7, transposed::infer(inputs, 0, 3, 8)?)
}

/// `Σ (x − x_zero)·(w − w_zero)` mod 2³², then as `QLinearConv`.
fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let geometry = Geometry::new(args.node(), args.tensor(0)?.shape(), args.tensor(3)?.shape())?;
    let channels = geometry.out_channels();
    let (x_zero, w_zero) = (ZeroPoints::new(args, 2)?, ZeroPoints::new(args, 5)?);
    let x_zero = x_zero.scalar().ok_or_else(|| args.error("the activations need a single zero point"))?;
    if !w_zero.fits(channels) {
        return Err(args.error("the weights need one zero point, or one per output channel"));
    }
    let integers = |index: usize| -> Result<Vec<i32>, Error> {
        let tensor = args.tensor(index)?;
        match tensor.data_type() {
            DataType::U8 | DataType::I8 => cast::converted(tensor, DataType::I32)?.into_values(),
            other => Err(args.wrong_type(other)),
        }
    };
    let (x, w) = (integers(0)?, integers(3)?);
    let shape = geometry.output();
    let mut sums = vec![0i32; args.count(&shape)?];
    geometry.visit(|channel, [to, i, j]| {
        sums[to] = sums[to].wrapping_add((x[i] - x_zero) * (w[j] - w_zero.of(channel)));
    });
    let bias = ProductBias::new(args, 8, 6, channels)?;
    let scales = [Scales::new(args, 1, 1)?, Scales::new(args, 4, channels)?];
    let plane = shape[2..].iter().product::<usize>();
    let sums = sums.into_iter().enumerate().map(|(at, sum)| {
        let channel = at / plane % channels;
        (bias.add_to(sum, channel), channel)
    });
    args.tensor(6)?;
    let output = scales::of_sums(args, scales, None, 6, sums)?;
    Ok(vec![Tensor::new(shape, output)?])
}
