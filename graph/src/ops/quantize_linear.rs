//! `QuantizeLinear`.

use super::eight_bit::EightBit;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::domains::MICROSOFT;
use super::shared::inputs::Inputs;
use super::shared::scales;
use crate::exec::integer;
use crate::{DataType, Error, Node, TensorType, onnx};

pub(crate) static OP: Operator = Operator {
    // ONNX Runtime's quantizer also writes it in its own domain, with the same meaning.
    domains: &["", MICROSOFT],
    since: 10,
    examples: &[Example::new(&[Input::Floats(&[1, 3, 4, 5]), Input::Scale(0.02, 100)], &[])],
    eight_bit: EightBit::Bytes,
    lower: integer::elementwise::quantize,
    output_type: |node, inputs| {
        inputs.get(2).copied().flatten().or_else(|| output_dtype(node).ok().flatten()).or(Some(DataType::U8))
    },
    ..Operator::new("QuantizeLinear", "rne(x / scale) + zero point, saturated to a byte", infer, |args| {
        Ok(vec![scales::quantize(args)?])
    })
};

fn output_dtype(node: &Node) -> Result<Option<DataType>, Error> {
    onnx::type_attribute(node, "output_dtype")
}

/// The type is the zero point's, else `output_dtype`'s, else u8.
fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let data_type = match inputs.optional(2) {
        Some(zero_point) => zero_point.data_type,
        None => output_dtype(inputs.node)?.unwrap_or(DataType::U8),
    };
    Ok(vec![TensorType::new(data_type, inputs.shape(0)?)])
}
