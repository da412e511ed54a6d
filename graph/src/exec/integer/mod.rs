//! Eight-bit steps, by the operators of the crate `eightbit`: images are NHWC.

mod batched;
pub(crate) mod coded;
pub(crate) mod concat;
pub(crate) mod conv_transpose;
pub(crate) mod dynamic;
pub(crate) mod elementwise;
pub(crate) mod few_bits;
mod planned;
pub(crate) mod pool;
pub(crate) mod product;

use eightbit::{ElementType, QuantizedType};

use super::builder::Builder;
use crate::{DataType, Error, Node, Tensor, TensorData};

/// A byte type as the crate `eightbit` names it.
fn element_type(data_type: DataType) -> Option<ElementType> {
    match data_type {
        DataType::U8 => Some(ElementType::U8),
        DataType::I8 => Some(ElementType::I8),
        _ => None,
    }
}

/// The constant zero points in input `index` of a node: a single 0 if it is left out, `None` if it is not constant.
fn zero_points(builder: &Builder<'_>, node: &Node, index: usize) -> Option<Vec<i32>> {
    if node.input(index).is_none() {
        return Some(vec![0]);
    }
    match builder.constant_input(node, index)?.data() {
        TensorData::U8(zeros) => Some(zeros.iter().map(|&zero| zero.into()).collect()),
        TensorData::I8(zeros) => Some(zeros.iter().map(|&zero| zero.into()).collect()),
        _ => None,
    }
}

/// The constant scales in input `index` of a node.
fn scales<'a>(builder: &'a Builder<'_>, node: &Node, index: usize) -> Option<&'a [f32]> {
    builder.constant_input(node, index)?.as_f32().ok().filter(|scales| !scales.is_empty())
}

/// The only scale in input `index`.
fn scale(builder: &Builder<'_>, node: &Node, index: usize) -> Option<f32> {
    if let [scale] = scales(builder, node, index)? { Some(*scale) } else { None }
}

/// The quantization of bytes of type `data_type`, whose scale and zero point are the inputs `index` and `index + 1`;
/// `None` if these are not constant or not scalar.
fn quantized(
    builder: &Builder<'_>,
    node: &Node,
    index: usize,
    data_type: DataType,
) -> Result<Option<QuantizedType>, Error> {
    let (Some(element), Some(scale)) = (element_type(data_type), scale(builder, node, index)) else {
        return Ok(None);
    };
    let Some(&[zero]) = zero_points(builder, node, index + 1).as_deref() else { return Ok(None) };
    QuantizedType::new(element, scale, zero).map(Some).map_err(|error| failed(node, &error))
}

/// The quantization of the node's output, whose scale and zero point are the inputs `index` and `index + 1`.
fn output(builder: &Builder<'_>, node: &Node, index: usize) -> Result<Option<QuantizedType>, Error> {
    let data_type = builder.type_of(node.required_output(0)?)?.data_type;
    quantized(builder, node, index, data_type)
}

/// The quantization of the bytes in input `index`, whose scale and zero point are the next two inputs.
fn input(builder: &Builder<'_>, node: &Node, index: usize) -> Result<Option<QuantizedType>, Error> {
    let data_type = builder.type_of(node.required_input(index)?)?.data_type;
    quantized(builder, node, index + 1, data_type)
}

/// The output's range, narrowed by fused activations.
fn clamp(node: &Node, output: &QuantizedType) -> Result<(i32, i32), Error> {
    let (low, high) = output.element().integer_range();
    crate::ops::shared::clamp::clamp(node, low, high)
}

/// Converts an error of the crate `eightbit` to one about `node`.
fn failed(node: &Node, error: &eightbit::Error) -> Error {
    Error::node(node, error.to_string())
}

/// The constant in input `index`, if it is bytes.
fn constant_bytes<'a>(builder: &'a Builder<'_>, node: &Node, index: usize) -> Option<&'a Tensor> {
    builder.constant_input(node, index).filter(|tensor| element_type(tensor.data_type()).is_some())
}
