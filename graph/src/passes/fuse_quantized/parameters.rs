//! Reads quantization parameters from `QuantizeLinear` and `DequantizeLinear`.

use crate::onnx;
use crate::ops::quantize_linear;
use crate::ops::shared::operands::Operands;
use crate::ops::shared::quantized_value::QuantizedValue;
use crate::{DataType, Error, Node, Tensor, TensorData};

/// The quantized value `value` with the parameters of `node`, a `QuantizeLinear` or `DequantizeLinear`; `None` if scale or
/// zero point are not constant, the type is not of eight bits (or `i32`, for biases), or scales are blockwise.
pub(super) fn read_parameters(
    node: &Node,
    value: String,
    operands: &mut Operands,
) -> Result<Option<QuantizedValue>, Error> {
    let scale = node.required_input(1)?;
    let Some(scales) =
        operands.constants.get(scale).and_then(|tensor| tensor.as_f32().ok()).map(<[f32]>::to_vec)
    else {
        return Ok(None);
    };
    if scales.is_empty() || !scales.iter().all(|scale| scale.is_finite() && *scale > 0.0) {
        return Ok(None);
    }
    if node.int("block_size", 0)? != 0 {
        return Ok(None);
    }
    let zero_point = match node.input(2) {
        Some(name) => name.to_owned(),
        None => {
            // The type of the zero point is the type of the bytes: that of a constant, or u8 by default.
            let data_type = match operands.constants.get(&value).map(Tensor::data_type) {
                Some(data_type) => data_type,
                None if node.is(&quantize_linear::OP) => {
                    onnx::type_attribute(node, "output_dtype")?.unwrap_or(DataType::U8)
                }
                None => return Ok(None),
            };
            let shape =
                operands.constants.get(scale).map(|tensor| tensor.shape().to_vec()).unwrap_or_default();
            operands.add_constant(&format!("{}_zero_point", node.name), Tensor::zeros(shape, data_type)?)
        }
    };
    let Some(zeros) = operands.constants.get(&zero_point) else { return Ok(None) };
    let (data_type, zeros) = match zeros.data() {
        TensorData::U8(zeros) => (DataType::U8, zeros.iter().map(|&zero| zero.into()).collect::<Vec<i32>>()),
        TensorData::I8(zeros) => (DataType::I8, zeros.iter().map(|&zero| zero.into()).collect()),
        TensorData::I32(zeros) => (DataType::I32, zeros.clone()),
        _ => return Ok(None),
    };
    if zeros.len() != scales.len() {
        return Ok(None);
    }
    let axis = node.int("axis", 1)?;
    let names = [value, scale.to_owned(), zero_point];
    Ok(Some(QuantizedValue { names, data_type, axis, scales, zeros }))
}
