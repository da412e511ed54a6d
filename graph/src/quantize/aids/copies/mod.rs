//! Copies of the channels whose rounding costs most, in place of dead ones or beside the others.
//!
//! Before a depthwise convolution with large weights of both signs, as after the first layer of many networks, the rounding of a few
//! channels is most of the noise of the whole network; and trained networks have channels there that are constant. Such a channel becomes a
//! copy of another one, rounded with another offset: of `n` copies whose offsets differ by an `n`-th of a step, the mean has `n` times
//! as many steps. That costs no time. Channels that are added cost some: little in the first place of a network that allows them, where channels
//! are few, and what is rounded goes through all that follows. Copies of channels are known from Zhao et al., "Improving Neural Network
//! Quantization without Retraining using Outlier Channel Splitting" (2019), who add channels and have other aims.

mod places;
mod rows;

use std::collections::BTreeMap;

use super::changed::Changed;
use crate::quantize::{ChannelStatistics, Plan};
use crate::{Error, Graph};
use places::{Place, places};
use rows::Rows;

/// How many times as large as seen a value may be.
const MARGIN: f64 = 8.0;
/// The part of the noise of a layer that must be saved at least.
const WORTH: f64 = 0.1;

/// Channels are added until their number is a multiple of this: kernels compute as many at once.
const TOGETHER: usize = 16;

/// `graph` with copies in dead channels; `None` where there is nothing to copy, or nowhere to.
pub(in crate::quantize) fn copied(
    graph: &Graph,
    plan: &Plan,
    statistics: &BTreeMap<&str, &ChannelStatistics>,
) -> Result<Option<Graph>, Error> {
    let mut changed = Changed::of(graph);
    for place in places(graph, plan)? {
        let Some(step) = plan.parameters(place.values[0]).map(|affine| f64::from(affine.scale)) else {
            continue;
        };
        let Some(written) = statistics.get(place.values[1]) else { continue };
        let Some(read) = statistics.get(place.values[0]) else { continue };
        let step_after = plan.parameters(place.values[1]).map_or(0.0, |affine| f64::from(affine.scale));
        let dead = dead(&place, read, step_after)?;
        let sources = sources(&place, &dead, dead.len());
        if sources.is_empty() {
            continue;
        }
        let copies: Vec<(usize, usize)> = dead.into_iter().zip(sources).collect();
        copy(&mut changed, &place, &copies, step, &written.min)?;
    }
    changed.finish()
}

/// `graph` with twice as many channels in the first place, the new ones copies; `None` where there is no place, or little to gain.
pub(in crate::quantize) fn widened(graph: &Graph, plan: &Plan) -> Result<Option<Graph>, Error> {
    let places = places(graph, plan)?;
    let Some(place) = places.first() else { return Ok(None) };
    let Some(affine) = plan.parameters(place.values[0]) else { return Ok(None) };
    let channels = place.depthwise.rows();
    let wider = (2 * channels).next_multiple_of(TOGETHER);
    let sources = sources(place, &[], wider - channels);
    let copies: Vec<(usize, usize)> = (channels..wider).zip(sources).collect();
    let mut changed = Changed::of(graph);
    if !copies.is_empty() {
        copy(&mut changed, place, &copies, f64::from(affine.scale), &[])?;
        let node = &mut changed.graph.nodes[place.depthwise.index];
        *node = node.clone().with("group", wider as i64);
    }
    changed.finish()
}

/// The channels that the depthwise layer hardly reads: even values several times as large as those seen would not move its output, in
/// steps of `step`, by half a step.
fn dead(place: &Place<'_>, read: &ChannelStatistics, step: f64) -> Result<Vec<usize>, Error> {
    let weights = place.depthwise.weights.as_f32()?;
    let moved = |(channel, weights): (usize, &[f32])| {
        let sum: f64 = weights.iter().map(|&weight| f64::from(weight.abs())).sum();
        let largest = f64::from(read.max[channel].max(-read.min[channel]));
        (sum * largest * MARGIN < step / 2.0).then_some(channel)
    };
    let rows = weights.chunks_exact(place.depthwise.depth()).enumerate();
    Ok(if read.channels() == place.depthwise.rows() { rows.filter_map(moved).collect() } else { Vec::new() })
}

/// The channels to copy to `count` others, which may be the same for several; none if little is saved.
fn sources(place: &Place<'_>, dead: &[usize], count: usize) -> Vec<usize> {
    let channels = place.depthwise.rows();
    let squares =
        |values: &[f32]| values.iter().map(|&value| f64::from(value) * f64::from(value)).sum::<f64>();
    let Ok(weights) = place.depthwise.weights.as_f32() else { return Vec::new() };
    let mut noise: Vec<f64> = weights.chunks_exact(place.depthwise.depth()).map(squares).collect();
    let mut gains = vec![0.0f64; channels];
    for layer in &place.after {
        let Ok(weights) = layer.weights.as_f32() else { return Vec::new() };
        for row in layer.as_rows(weights).chunks_exact(layer.depth()) {
            gains
                .iter_mut()
                .zip(row)
                .for_each(|(gain, &weight)| *gain += f64::from(weight) * f64::from(weight));
        }
    }
    noise.iter_mut().zip(gains).for_each(|(noise, gain)| *noise *= gain);
    // Their weights may be large, but nothing is rounded.
    dead.iter().for_each(|&channel| noise[channel] = 0.0);
    let total: f64 = noise.iter().sum();
    let mut copies = vec![1.0f64; channels];
    let left = |noise: f64, copies: f64| noise / (copies * copies);
    let mut sources = Vec::new();
    for _ in 0..count {
        let saved = |channel: &usize| {
            left(noise[*channel], copies[*channel]) - left(noise[*channel], copies[*channel] + 1.0)
        };
        let Some(best) = (0..channels).max_by(|a, b| saved(a).total_cmp(&saved(b))) else { break };
        copies[best] += 1.0;
        sources.push(best);
    }
    let after: f64 = noise.iter().zip(&copies).map(|(&noise, &copies)| left(noise, copies)).sum();
    if after >= total * (1.0 - WORTH) { Vec::new() } else { sources }
}

/// Makes the first channel of each pair a copy of the second. `held` is what dead channels hold; those after them are added.
fn copy(
    changed: &mut Changed,
    place: &Place<'_>,
    copies: &[(usize, usize)],
    step: f64,
    held: &[f32],
) -> Result<(), Error> {
    // All channels that hold the same, with the offsets of their rounding.
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &(member, source) in copies {
        groups.entry(source).or_insert_with(|| vec![source]).push(member);
    }
    let channels = place.depthwise.rows();
    let added = copies.iter().filter(|(member, _)| *member >= channels).count();
    let mut before = Rows::of(changed, &place.before)?.with_rows(added);
    let mut depthwise = Rows::of(changed, &place.depthwise)?.with_rows(added);
    let after = place.after.iter().map(|layer| Ok(Rows::of(changed, layer)?.with_inputs(added)));
    let mut after = after.collect::<Result<Vec<_>, Error>>()?;
    // What the dead channels added.
    for rows in &mut after {
        for &(dead, _) in copies.iter().filter(|(member, _)| *member < channels) {
            let value = held[dead];
            for (row, bias) in rows.bias.iter_mut().enumerate() {
                *bias += rows.weights[row * rows.depth + dead] * value;
            }
        }
    }
    for (source, members) in groups {
        let count = members.len();
        let sum: f64 = depthwise.row(source).iter().map(|&weight| f64::from(weight)).sum();
        let (of_before, of_depthwise) = (
            (before.row(source).to_vec(), before.bias[source]),
            (depthwise.row(source).to_vec(), depthwise.bias[source]),
        );
        for (copy, &member) in members.iter().enumerate() {
            let offset = (copy as f64 - (count - 1) as f64 / 2.0) / count as f64 * step;
            before.set(member, &of_before.0, (f64::from(of_before.1) + offset) as f32);
            depthwise.set(member, &of_depthwise.0, (f64::from(of_depthwise.1) - offset * sum) as f32);
            for rows in &mut after {
                for row in 0..rows.bias.len() {
                    let whole = rows.weights[row * rows.depth + source];
                    if member != source {
                        rows.weights[row * rows.depth + member] = whole / count as f32;
                    }
                }
            }
        }
        for rows in &mut after {
            for row in 0..rows.bias.len() {
                rows.weights[row * rows.depth + source] /= count as f32;
            }
        }
    }
    before.write(changed, &place.before)?;
    depthwise.write(changed, &place.depthwise)?;
    after.iter().zip(&place.after).try_for_each(|(rows, layer)| rows.write(changed, layer))
}
