//! Bias correction: rounded weights change the mean of each output channel by `Σ (Wq − W)·E[x]`, which its bias can take back.
//!
//! After Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (2019), section 4.2, with the means of
//! the inputs observed or computed from batch norms.

use std::collections::BTreeMap;

use super::rounded::Rounded;
use crate::ops::matmul;
use crate::quantize::Plan;
use crate::quantize::layer::Layer;
use crate::{Error, Graph};

/// `plan` with corrected biases, for the layers whose inputs have their channels' means in `means`.
pub(in crate::quantize) fn corrected(
    float: &Graph,
    mut plan: Plan,
    means: &BTreeMap<&str, Vec<f64>>,
    shifts: &BTreeMap<String, Vec<f64>>,
) -> Result<Plan, Error> {
    let rounded = Rounded::of(float, &plan)?;
    for layer in Layer::all(float, plan.roles())? {
        let Some(means) = means.get(layer.input).filter(|means| means.len() == layer.inputs()) else {
            continue;
        };
        let Some((bytes, scales)) = rounded.layer(layer.node)? else { continue };
        if layer.node.is(&matmul::OP) {
            continue;
        }
        let shift = shifts.get(layer.input).filter(|shift| shift.len() == layer.inputs());
        let (weights, bytes) = (layer.as_rows(layer.weights.as_f32()?), layer.as_rows(bytes.as_i8()?));
        let depth = layer.depth();
        let rows = weights.chunks_exact(depth).zip(bytes.chunks_exact(depth)).enumerate();
        let correction = |(row, (weights, bytes)): (usize, (&[f32], &[i8]))| {
            let scale = f64::from(scales[row % scales.len()]);
            let terms = weights.iter().zip(bytes).enumerate().map(|(at, (&weight, &byte))| {
                let (channel, rounded) = (layer.input_channel(row, at), scale * f64::from(byte));
                (f64::from(weight) - rounded) * means[channel]
                    - rounded * shift.map_or(0.0, |shift| shift[channel])
            });
            terms.sum::<f64>() as f32
        };
        let mut choice = plan.choice(&layer.node.name).cloned().unwrap_or_default();
        choice.bias = Some(rows.map(correction).collect());
        plan = plan.with_choice(&layer.node.name, choice)?;
    }
    Ok(plan)
}
