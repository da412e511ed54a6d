//! `ConvInteger`. Inputs: x, w, zero point of x, zero point of w, and [scales and a bias](scaled_sums).

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::convolution::{self, accumulate};
use super::shared::inputs::Inputs;
use super::shared::scaled_sums;
use super::shared::scales::ZeroPoints;
use crate::exec::integer;
use crate::{Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 10,
    examples: &[
        Example::new(
            &[
                Input::Bytes(&[1, 3, 5, 6]),
                Input::SignedWeights(&[4, 3, 3, 2]),
                Input::Byte(100),
                Input::SignedByte(0),
            ],
            &[("pads", Value::Ints(&[1, 0, 1, 1]))],
        ),
        Example::new(
            &[
                Input::Bytes(&[1, 3, 5, 6]),
                Input::SignedWeights(&[4, 3, 3, 2]),
                Input::Byte(100),
                Input::SignedByte(0),
                Input::FloatVector(&[0.1, 0.2, -0.3, 0.4]),
                Input::Weights(&[4]),
            ],
            &[],
        ),
    ],
    eight_bit: EightBit::Bytes,
    multiplies: true,
    reads: |inputs| convolution::depth(inputs, 1),
    lower: integer::dynamic::convolution,
    output_type: |node, _| Some(scaled_sums::data_type(node)),
    ..Operator::new("ConvInteger", "a convolution of bytes to 32-bit sums", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let shape = convolution::infer(inputs, 0, 1, usize::MAX)?;
    scaled_sums::check(inputs, shape[1])?;
    Ok(vec![TensorType::new(scaled_sums::data_type(inputs.node), shape)])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let x_zero = ZeroPoints::new(args, 2)?;
    let w_zero = ZeroPoints::new(args, 3)?;
    let (sums, geometry) = accumulate(args, (args.tensor(0)?, &x_zero), (args.tensor(1)?, &w_zero))?;
    let channels = geometry.out_channels().max(1);
    let pixels = geometry.window.sizes.output.iter().product::<usize>().max(1);
    Ok(vec![scaled_sums::output(args, sums, geometry.out_channels(), |at| at / pixels % channels)?])
}
