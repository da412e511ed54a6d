//! `ConvInteger`. Inputs: x, w, zero point of x, zero point of w.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::convolution::{self, accumulate};
use super::shared::inputs::Inputs;
use super::shared::scales::ZeroPoints;
use crate::exec::integer;
use crate::{DataType, Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 10,
    examples: &[Example::new(
        &[
            Input::Bytes(&[1, 3, 5, 6]),
            Input::SignedWeights(&[4, 3, 3, 2]),
            Input::Byte(100),
            Input::SignedByte(0),
        ],
        &[("pads", Value::Ints(&[1, 0, 1, 1]))],
    )],
    eight_bit: EightBit::Bytes,
    reads: |inputs| convolution::depth(inputs, 1),
    lower: integer::product::conv_integer,
    output_type: |_, _| Some(DataType::I32),
    ..Operator::new("ConvInteger", "a convolution of bytes to 32-bit sums", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    Ok(vec![TensorType::new(DataType::I32, convolution::infer(inputs, 0, 1, usize::MAX)?)])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let x_zero = ZeroPoints::new(args, 2)?;
    let w_zero = ZeroPoints::new(args, 3)?;
    let (sums, _) = accumulate(args, (args.tensor(0)?, &x_zero), (args.tensor(1)?, &w_zero))?;
    Ok(vec![sums])
}
