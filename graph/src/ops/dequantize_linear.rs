//! `DequantizeLinear`.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::domains::MICROSOFT;
use super::shared::inputs::Inputs;
use super::shared::scales;
use crate::exec::integer;
use crate::{Error, TensorType, onnx};

pub(crate) static OP: Operator = Operator {
    // ONNX Runtime's quantizer also writes it in its own domain, with the same meaning.
    domains: &["", MICROSOFT],
    since: 10,
    examples: &[
        Example::new(&[Input::Quantized(&[1, 3, 4, 5], 0.02, 100)], &[]),
        Example::new(
            &[Input::Bytes(&[2, 3]), Input::FloatVector(&[0.5, 0.25, 2.0])],
            &[("axis", Value::Int(-1))],
        ),
    ],
    eight_bit: EightBit::Bytes,
    lower: integer::elementwise::dequantize,
    output_type: |node, inputs| {
        let data_type = onnx::type_attribute(node, "output_dtype").ok().flatten();
        data_type.or(inputs.get(1).copied().flatten())
    },
    ..Operator::new("DequantizeLinear", "(x − zero point) · scale", infer, |args| {
        Ok(vec![scales::dequantize(args)?])
    })
};

/// The type is the scale's, with which that of `output_dtype` must agree.
fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let data_type = inputs.get(1)?.data_type;
    match onnx::type_attribute(inputs.node, "output_dtype")? {
        Some(other) if other != data_type => Err(Error::unsupported(
            inputs.node,
            format!("an output of type {other} (output_dtype) for scales of type {data_type}"),
        )),
        _ => Ok(vec![TensorType::new(data_type, inputs.shape(0)?)]),
    }
}
