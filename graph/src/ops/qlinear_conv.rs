//! `QLinearConv`. Inputs: x, scale, zero point, w, scale, zero point, scale and zero point of the output, bias.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::convolution::{self, accumulate};
use super::shared::inputs::Inputs;
use super::shared::qlinear;
use super::shared::scales::{self, ProductBias, Scales, ZeroPoints};
use crate::exec::integer;
use crate::{DataType, Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 10,
    examples: &[
        Example::new(
            &[
                Input::Quantized(&[1, 3, 5, 6], 0.05, 100),
                Input::QuantizedWeights(&[4, 3, 3, 2], 0.01),
                Input::Scale(0.7, 120),
                Input::Bias(&[4]),
            ],
            &[("pads", Value::Ints(&[1, 0, 1, 1]))],
        ),
        Example::new(
            &[
                Input::Quantized(&[2, 4, 19], 0.05, 100),
                Input::QuantizedWeights(&[6, 2, 5], 0.01),
                Input::Scale(0.7, 120),
                Input::Bias(&[6]),
            ],
            &[("pads", Value::Ints(&[1, 2])), ("strides", Value::Ints(&[2])), ("group", Value::Int(2))],
        ),
        Example::new(
            &[
                Input::Quantized(&[3, 1, 40], 0.05, 100),
                Input::QuantizedWeights(&[1, 1, 9], 0.01),
                Input::Scale(0.7, 120),
            ],
            &[("dilations", Value::Ints(&[3]))],
        ),
    ],
    eight_bit: EightBit::Bytes,
    multiplies: true,
    reads: |inputs| convolution::depth(inputs, 3),
    lower: integer::product::convolution,
    output_type: |_, inputs| Some(inputs.get(7).copied().flatten().unwrap_or(DataType::F32)),
    ..Operator::new("QLinearConv", "a convolution of bytes to bytes", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    Ok(vec![TensorType::new(qlinear::output_type(inputs, 6)?, convolution::infer(inputs, 0, 3, 8)?)])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let x_zero = ZeroPoints::new(args, 2)?;
    let w_zero = ZeroPoints::new(args, 5)?;
    let (sums, geometry) = accumulate(args, (args.tensor(0)?, &x_zero), (args.tensor(3)?, &w_zero))?;
    let channels = geometry.out_channels();
    let bias = ProductBias::new(args, 8, 6, channels)?;
    let scales = [Scales::new(args, 1, 1)?, Scales::new(args, 4, channels)?];
    let pixels: usize = geometry.window.sizes.output.iter().product::<usize>().max(1);
    let sums = sums.as_i32()?.iter().enumerate().map(|(at, &sum)| {
        let channel = at / pixels % channels;
        (bias.add_to(sum, channel), channel)
    });
    let output = scales::of_sums(args, scales, bias.floats(), 6, sums)?;
    Ok(vec![Tensor::new(geometry.output(), output)?])
}
