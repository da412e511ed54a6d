//! `QLinearConv`. Inputs: x, scale, zero point, w, scale, zero point, scale and zero point of the output, bias.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::convolution::{self, accumulate, check_bias};
use super::shared::inputs::Inputs;
use super::shared::scales::{Requantizer, Scales, ZeroPoints};
use crate::exec::integer;
use crate::{Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 10,
    examples: &[Example::new(
        &[
            Input::Quantized(&[1, 3, 5, 6], 0.05, 100),
            Input::QuantizedWeights(&[4, 3, 3, 2], 0.01),
            Input::Scale(0.7, 120),
            Input::Bias(&[4]),
        ],
        &[("pads", Value::Ints(&[1, 0, 1, 1]))],
    )],
    eight_bit: EightBit::Bytes,
    reads: |inputs| convolution::depth(inputs, 3),
    lower: integer::product::convolution,
    output_type: |_, inputs| inputs.get(7).copied().flatten(),
    ..Operator::new("QLinearConv", "a convolution of bytes to bytes", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    inputs.like(7, convolution::infer(inputs, 0, 3, 8)?)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let x_zero = ZeroPoints::new(args, 2)?;
    let w_zero = ZeroPoints::new(args, 5)?;
    let (sums, geometry) = accumulate(args, (args.tensor(0)?, &x_zero), (args.tensor(3)?, &w_zero))?;
    let channels = geometry.out_channels();
    let bias = args.optional(8).map(Tensor::as_i32).transpose()?;
    check_bias(args, bias.map(<[i32]>::len), channels)?;
    let scales = [Scales::new(args, 1, 1)?, Scales::new(args, 4, channels)?, Scales::new(args, 6, 1)?];
    let output = Requantizer::new(args, scales, 7)?;
    let pixels: usize = geometry.window.sizes.output.iter().product::<usize>().max(1);
    let sums = sums.as_i32()?.iter().enumerate().map(|(at, &sum)| {
        let channel = at / pixels % channels;
        (bias.map_or(sum, |bias| sum.wrapping_add(bias[channel])), channel)
    });
    Ok(vec![Tensor::new(geometry.output(), output.apply(sums))?])
}
