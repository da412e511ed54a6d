//! A float value that is bytes, dequantized: where the bytes are and what they mean.

use std::collections::BTreeMap;

use crate::{DataType, Error, Names, Node, Tensor, TensorData};

/// Bytes (or the `i32` of a bias) with their scale and zero point.
#[derive(Clone, Debug)]
pub(super) struct Bytes {
    /// Name of the bytes.
    pub(super) value: String,
    /// Name of the constant scale.
    pub(super) scale: String,
    /// Name of the constant zero point.
    pub(super) zero_point: String,
    /// Type of the bytes.
    pub(super) data_type: DataType,
    /// The axis along which there are several scales.
    pub(super) axis: i64,
    /// The scales: one, or one for each index of the axis.
    pub(super) scales: Vec<f32>,
    /// The zero points, as many.
    pub(super) zeros: Vec<i32>,
}

/// What `node`, a `QuantizeLinear` or `DequantizeLinear`, says of the bytes `value`; `None` if scale or zero point are no
/// constants, or the type is none of eight bits (or `i32`, for biases), or scales come in blocks.
pub(super) fn read_parameters(
    node: &Node,
    value: String,
    constants: &mut BTreeMap<String, Tensor>,
    names: &mut Names,
) -> Result<Option<Bytes>, Error> {
    let scale = node.required_input(1)?;
    let Some(scales) = constants.get(scale).and_then(|tensor| tensor.as_f32().ok()).map(<[f32]>::to_vec)
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
            let data_type = match constants.get(&value).map(Tensor::data_type) {
                Some(data_type) => data_type,
                None if node.is("QuantizeLinear") => DataType::U8,
                None => return Ok(None),
            };
            let name = names.fresh(&format!("{}_zero_point", node.name));
            let shape = constants.get(scale).map(|tensor| tensor.shape().to_vec()).unwrap_or_default();
            constants.insert(name.clone(), Tensor::zeros(shape, data_type)?);
            name
        }
    };
    let Some(zeros) = constants.get(&zero_point) else { return Ok(None) };
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
    Ok(Some(Bytes { value, scale: scale.to_owned(), zero_point, data_type, axis, scales, zeros }))
}

impl Bytes {
    /// Whether one scale and zero point hold for the whole tensor, and the type has eight bits.
    pub(super) fn per_tensor(&self) -> bool {
        self.scales.len() == 1 && self.eight_bits()
    }

    /// Whether the type has eight bits.
    pub(super) fn eight_bits(&self) -> bool {
        matches!(self.data_type, DataType::U8 | DataType::I8)
    }

    /// Whether a byte means the same number here and there.
    pub(super) fn same_steps(&self, other: &Bytes) -> bool {
        self.data_type == other.data_type && self.scales == other.scales && self.zeros == other.zeros
    }

    /// Least and greatest step.
    pub(super) fn range(&self) -> (i32, i32) {
        if self.data_type == DataType::I8 { (-128, 127) } else { (0, 255) }
    }

    /// The step nearest to a number that is not NaN, as `QuantizeLinear` chooses it.
    pub(super) fn step(&self, x: f32) -> i32 {
        let (low, high) = self.range();
        let zero = self.zeros[0];
        let steps = (x / self.scales[0]).clamp((low - zero) as f32, (high - zero) as f32);
        steps.round_ties_even() as i32 + zero
    }

    /// The number that a step means.
    pub(super) fn real(&self, step: i32) -> f32 {
        (step - self.zeros[0]) as f32 * self.scales[0]
    }

    /// A step as a scalar of the bytes' type.
    pub(super) fn scalar(&self, step: i32) -> Tensor {
        if self.data_type == DataType::I8 { Tensor::scalar(step as i8) } else { Tensor::scalar(step as u8) }
    }
}
