//! `QLinearMul`. Inputs: a, scale, zero point, b, scale, zero point, scale and zero point of the output. The results are those of
//! ONNX Runtime, as the crate `eightbit` defines them.

use eightbit::reference::mul_elements;

use super::eight_bit::EightBit;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::binary::broadcast_of;
use super::shared::domains::MICROSOFT;
use super::shared::inputs::Inputs;
use super::shared::qlinear;
use crate::exec::integer;
use crate::{Error, TensorType};

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
    ..Operator::new("QLinearMul", "Mul on bytes", infer, |args| {
        qlinear::binary(args, mul_elements)
    })
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let shape = broadcast_of(inputs.node, inputs.shape(0)?, inputs.shape(3)?)?;
    Ok(vec![TensorType::new(inputs.get(7)?.data_type, shape)])
}
