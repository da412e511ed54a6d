//! `QLinearMul`. Inputs: a, scale, zero, b, scale, zero, scale and zero of the output.

use super::eight_bit::EightBit;
use super::mul;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::binary::broadcast_of;
use super::shared::domains::MICROSOFT;
use super::shared::inputs::Inputs;
use super::shared::qlinear;
use crate::exec::integer;
use crate::{Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    domains: &[MICROSOFT],
    examples: &[Example::new(
        &[
            Input::Bytes(&[1, 3, 4, 5]),
            Input::Float(0.05),
            Input::Byte(100),
            Input::Bytes(&[1, 3, 4, 5]),
            Input::Float(0.02),
            Input::Byte(7),
            Input::Float(0.06),
            Input::Byte(90),
        ],
        &[],
    )],
    eight_bit: EightBit::Bytes,
    lower: integer::elementwise::mul,
    ..Operator::new("QLinearMul", "Mul on bytes", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let shape = broadcast_of(inputs.node, inputs.shape(0)?, inputs.shape(3)?)?;
    Ok(vec![TensorType::new(inputs.get(7)?.data_type, shape)])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let (a, b) = (qlinear::real(args, 0, 1)?, qlinear::real(args, 3, 1)?);
    let y = qlinear::float(args, &mul::OP, &[Some(&a), Some(&b)])?;
    Ok(vec![qlinear::bytes(args, &y, 6)?])
}
