//! The quantized form of a float value: its bytes and their parameters.

use crate::{DataType, Tensor};

/// Bytes (or the `i32` of a bias) with their scale and zero point.
#[derive(Clone, Debug)]
pub(crate) struct QuantizedValue {
    /// Names of the bytes, the constant scale and the constant zero point, as operators read them.
    pub(crate) names: [String; 3],
    /// Type of the bytes.
    pub(crate) data_type: DataType,
    /// The axis of the scales, if there are several.
    pub(crate) axis: i64,
    /// The scales: one, or one for each index of the axis.
    pub(crate) scales: Vec<f32>,
    /// The zero points, one per scale.
    pub(crate) zeros: Vec<i32>,
}

impl QuantizedValue {
    /// The name of the bytes.
    pub(crate) fn value(&self) -> &str {
        &self.names[0]
    }

    /// Whether one scale and zero point hold for the whole tensor, and the type has eight bits.
    pub(crate) fn per_tensor(&self) -> bool {
        self.scales.len() == 1 && self.eight_bits()
    }

    /// Whether the type has eight bits.
    pub(crate) fn eight_bits(&self) -> bool {
        matches!(self.data_type, DataType::U8 | DataType::I8)
    }

    /// Whether a byte represents the same number in both.
    pub(crate) fn same_steps(&self, other: &QuantizedValue) -> bool {
        self.data_type == other.data_type && self.scales == other.scales && self.zeros == other.zeros
    }

    /// The least and greatest step.
    pub(crate) fn range(&self) -> (i32, i32) {
        if self.data_type == DataType::I8 { (-128, 127) } else { (0, 255) }
    }

    /// The step nearest to a number that is not NaN, by the rounding of `QuantizeLinear`.
    pub(crate) fn step(&self, x: f32) -> i32 {
        let (low, high) = self.range();
        let zero = self.zeros[0];
        let steps = (x / self.scales[0]).clamp((low - zero) as f32, (high - zero) as f32);
        steps.round_ties_even() as i32 + zero
    }

    /// The number that a step represents.
    pub(crate) fn real(&self, step: i32) -> f32 {
        (step - self.zeros[0]) as f32 * self.scales[0]
    }

    /// A step as a scalar of the bytes' type.
    pub(crate) fn scalar(&self, step: i32) -> Tensor {
        if self.data_type == DataType::I8 { Tensor::scalar(step as i8) } else { Tensor::scalar(step as u8) }
    }
}
