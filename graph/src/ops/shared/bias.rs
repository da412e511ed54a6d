//! Converts the bias of a product to steps of its accumulator.

use super::arguments::Arguments;
use super::operands::Operands;
use super::quantized_value::QuantizedValue;
use super::scales;
use crate::{DataType, Error, Node, Tensor, TensorData};

/// The largest bias in steps of the accumulator, an `i32`, of which half is reserved for the products.
const MAX_STEPS: f64 = (1u64 << 30) as f64;

/// The most by which rounding a bias to whole steps of the accumulator may change a result, in steps of the output.
const MAX_SHIFT: f64 = 1.0 / 16.0;

/// The sums of products that a bias is added to; a step of a column is `step · scales[column]`.
pub(crate) struct Sums<'a> {
    /// Scale of the activations, times `alpha`.
    pub(crate) step: f32,
    /// Scales of the weights: one, or one for each column.
    pub(crate) scales: &'a [f32],
    /// The factor on the bias: `beta`.
    pub(crate) factor: f32,
    /// The number of columns.
    pub(crate) channels: usize,
    /// The quantized output; `None` for a float output.
    pub(crate) to: Option<&'a QuantizedValue>,
}

impl Sums<'_> {
    /// The value of one step of column `channel`.
    fn step(&self, channel: usize) -> f32 {
        self.step * self.scales[if self.scales.len() == 1 { 0 } else { channel }]
    }
}

impl Operands {
    /// `Some(name)` of the bias `name` in whole steps of the accumulator, `Some(None)` if there is no bias, `None` if it has no
    /// such form.
    ///
    /// Integers at the accumulator's scale are unchanged. Other biases (floats, bytes, integers at another scale, one number
    /// for all columns whose scales differ) are rounded to the nearest step if that changes no result by more than
    /// [`MAX_SHIFT`] output steps; otherwise the operator stays float. Beside a float output they become floats, one for each
    /// column.
    pub(crate) fn bias(
        &mut self,
        name: Option<&str>,
        sums: &Sums<'_>,
    ) -> Result<Option<Option<String>>, Error> {
        let Some(name) = name else { return Ok(Some(None)) };
        if sums.scales.len() != 1 && sums.scales.len() != sums.channels {
            return Ok(None);
        }
        let bytes = self.bytes(name);
        let constant = bytes.as_ref().map_or(name, QuantizedValue::value);
        let Some(values) = self.constants.get(constant) else { return Ok(None) };
        // Broadcast by shape: a count equal to that of the columns could also be one bias per row.
        let shape = values.shape();
        let by_column = shape.len() <= 2
            && shape.iter().rev().skip(1).all(|&dim| dim == 1)
            && (values.len() == 1 || values.len() == sums.channels);
        if !by_column {
            return Ok(None);
        }
        if let Some(bytes) = bytes.as_ref().filter(|bytes| is_in_steps(bytes, values.len(), sums)) {
            return Ok(Some(Some(bytes.value().to_owned())));
        }
        let Some(floats) = floats(values, bytes.as_ref())? else { return Ok(None) };
        let of = |channel: usize| floats[if floats.len() == 1 { 0 } else { channel }];
        let Some(to) = sums.to else {
            let floats: Vec<f32> = (0..sums.channels).map(|channel| of(channel) * sums.factor).collect();
            if !floats.iter().all(|bias| bias.is_finite()) {
                return Ok(None);
            }
            return Ok(Some(Some(self.add_constant(&format!("{name}_floats"), Tensor::vector(floats)))));
        };
        let mut rounded = Vec::with_capacity(sums.channels);
        for channel in 0..sums.channels {
            let step = f64::from(sums.step(channel));
            let steps = f64::from(of(channel)) * f64::from(sums.factor) / step;
            let shift = (steps.round_ties_even() - steps).abs() * step / f64::from(to.scales[0]);
            // NaN is outside every range.
            if !(steps.abs() <= MAX_STEPS && shift <= MAX_SHIFT) {
                return Ok(None);
            }
            rounded.push(steps.round_ties_even() as i32);
        }
        Ok(Some(Some(self.add_constant(&format!("{name}_steps"), Tensor::vector(rounded)))))
    }

    /// The shape of a constant, or of its quantized form.
    pub(crate) fn shape_of(&self, name: &str) -> Option<&[usize]> {
        let constant = self.bytes.get(name).map_or(name, QuantizedValue::value);
        self.constants.get(constant).map(Tensor::shape)
    }
}

/// Whether `len` integers are already at the scale of the sums.
fn is_in_steps(bias: &QuantizedValue, len: usize, sums: &Sums<'_>) -> bool {
    bias.data_type == DataType::I32
        && (bias.scales.len() == 1 || bias.scales.len() == len)
        && bias.zeros.iter().all(|&zero| zero == 0)
        && (0..sums.channels).all(|channel| {
            let scale = bias.scales[if bias.scales.len() == 1 { 0 } else { channel }];
            let expected = sums.step(channel);
            (scale * sums.factor - expected).abs() <= expected * 1e-4
        })
}

/// The numbers of a bias; `None` if their type cannot be one.
fn floats(values: &Tensor, bytes: Option<&QuantizedValue>) -> Result<Option<Vec<f32>>, Error> {
    let Some(bytes) = bytes else { return Ok(values.as_f32().ok().map(<[f32]>::to_vec)) };
    let scales = match bytes.scales[..] {
        [scale] => Tensor::scalar(scale),
        _ => Tensor::vector(bytes.scales.as_slice()),
    };
    let zeros = match bytes.data_type {
        DataType::I8 => TensorData::I8(bytes.zeros.iter().map(|&zero| zero as i8).collect()),
        DataType::U8 => TensorData::U8(bytes.zeros.iter().map(|&zero| zero as u8).collect()),
        _ => TensorData::I32(bytes.zeros.clone()),
    };
    let zeros = Tensor::new(scales.shape(), zeros)?;
    let node = Node::new("bias", "DequantizeLinear", &["x", "s", "z"], &["y"]).with("axis", bytes.axis);
    // Scales of a wrong length: the node stays, and its own check reports them.
    let inputs = [Some(values), Some(&scales), Some(&zeros)];
    let floats = scales::dequantize(&Arguments::new(&node, &inputs));
    Ok(floats.ok().and_then(|floats| floats.into_values::<f32>().ok()))
}
