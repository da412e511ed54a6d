//! `QLinearGlobalAveragePool`. Inputs: x, scale, zero point, scale and zero point of the output.

use super::eight_bit::EightBit;
use super::example::{Example, Input};
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
        &[],
    )],
    eight_bit: EightBit::Bytes,
    lower: integer::pool::global_average,
    ..Operator::new("QLinearGlobalAveragePool", "GlobalAveragePool on bytes", infer, |args| {
        pool::of_bytes(args, pool::global_average)
    })
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    Ok(vec![TensorType::new(inputs.get(4)?.data_type, pool::infer_global(inputs)?.shape)])
}
