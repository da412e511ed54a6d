//! `QLinearAveragePool`. Inputs: x, scale, zero point, scale and zero point of the output.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::domains::MICROSOFT;
use super::shared::inputs::Inputs;
use super::shared::pool;
use crate::exec::integer;
use crate::{Error, TensorType};

pub(crate) static OP: Operator = Operator {
    domains: &[MICROSOFT],
    examples: &[Example::new(
        &[
            Input::Bytes(&[1, 3, 5, 6]),
            Input::Float(0.05),
            Input::Byte(100),
            Input::Float(0.03),
            Input::Byte(90),
        ],
        &[("kernel_shape", Value::Ints(&[3, 2])), ("pads", Value::Ints(&[1, 0, 1, 1]))],
    )],
    eight_bit: EightBit::Bytes,
    reads: pool::taps,
    lower: integer::pool::average_pool,
    ..Operator::new("QLinearAveragePool", "AveragePool on bytes", infer, |args| {
        pool::of_bytes(args, pool::average)
    })
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    Ok(vec![TensorType::new(inputs.get(4)?.data_type, pool::infer(inputs)?.shape)])
}
