//! Operators on each element.

use super::channels::Channels;
use super::clipped::{clipped, density};
use super::context::Context;
use super::moments::Moments;
use super::reason::Reason;
use crate::ops::eight_bit::EightBit;
use crate::quantize::bounds;
use crate::{Node, Tensor, ops};

/// Points per channel at which a function is evaluated, evenly spaced over [`SPAN`] deviations on either side of the mean.
const POINTS: usize = 97;

/// Channels that are evaluated at once.
const AT_ONCE: usize = 1 << 12;

/// Beyond 6 deviations lie two elements of a thousand million.
const SPAN: f64 = 6.0;

/// `Relu` and `Clip` by their formulas, others by their values at points of the distribution.
pub(super) fn elementwise(context: &Context<'_>, node: &Node) -> Result<Channels, Reason> {
    let input = context.input(node, 0)?;
    if matches!(node.operator().map(|operator| operator.eight_bit), Some(EightBit::Clamp(_))) {
        let (low, high) = bounds(node, context.graph)?;
        return Ok(input.map(|channel| clipped(channel, f64::from(low), f64::from(high))));
    }
    let mut others = Vec::new();
    for index in 1..node.inputs.len() {
        others.push(node.input(index).map(|_| context.required_constant(node, index)).transpose()?);
    }
    let at = |index: usize| -SPAN + 2.0 * SPAN * index as f64 / (POINTS - 1) as f64;
    let weights: Vec<f64> = (0..POINTS).map(|index| density(at(index))).collect();
    let mut all = Vec::with_capacity(input.all().len());
    for channels in input.all().chunks(AT_ONCE) {
        let point = |channel: &Moments, index| {
            (channel.mean + channel.deviation * at(index)).clamp(channel.low, channel.high) as f32
        };
        let points = channels.iter().flat_map(|channel| (0..POINTS).map(move |index| point(channel, index)));
        let points = Tensor::vector(points.collect::<Vec<f32>>());
        let inputs: Vec<Option<&Tensor>> =
            std::iter::once(Some(&points)).chain(others.iter().copied()).collect();
        let results = ops::evaluate(node, &inputs)?;
        let values = results.first().and_then(|result| result.as_f32().ok());
        let values = values.ok_or_else(|| Reason::new("its output is not float"))?;
        all.extend(values.chunks_exact(POINTS).map(|values| weighted(values, &weights)));
    }
    Channels::new(input.axis, all).ok_or_else(|| Reason::new("it has no channels"))
}

/// The moments of values with weights.
fn weighted(values: &[f32], weights: &[f64]) -> Moments {
    let total: f64 = weights.iter().sum();
    let pairs = || values.iter().map(|&value| f64::from(value)).zip(weights);
    let mean = pairs().map(|(value, weight)| value * weight).sum::<f64>() / total;
    let variance = pairs().map(|(value, weight)| (value - mean).powi(2) * weight).sum::<f64>() / total;
    let low = pairs().map(|(value, _)| value).fold(f64::INFINITY, f64::min);
    let high = pairs().map(|(value, _)| value).fold(f64::NEG_INFINITY, f64::max);
    Moments { mean, deviation: variance.sqrt(), low, high }
}
