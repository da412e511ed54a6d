//! Uses dead channels for copies of the channels whose rounding costs most.
//!
//! Before a depthwise convolution with large weights of both signs, as after the first layer of many networks, the rounding of a few
//! channels is most of the noise of the whole network; and trained networks have channels there that are constant. Such a channel becomes a
//! copy of another one, rounded with another offset: of `n` copies whose offsets differ by an `n`-th of a step, the mean has `n` times
//! as many steps. It costs no time. Copies of channels are known from Zhao et al., "Improving Neural Network Quantization without
//! Retraining using Outlier Channel Splitting" (2019), who add channels and have other aims.

use std::collections::BTreeMap;

use super::changed::Changed;
use crate::ops::eight_bit::EightBit;
use crate::quantize::layer::Layer;
use crate::quantize::{ChannelStatistics, Plan};
use crate::{Error, Graph, Node, Tensor};

/// A product, the depthwise layer after it, and the products that read that.
struct Place<'g> {
    before: Layer<'g>,
    /// What the depthwise layer reads and, after its activations, writes.
    values: [&'g str; 2],
    depthwise: Layer<'g>,
    after: Vec<Layer<'g>>,
}

/// How many times as large as seen a value may be.
const MARGIN: f64 = 8.0;
/// The part of the noise of a layer that must be saved at least.
const WORTH: f64 = 0.1;

/// `graph` with copies; `None` where there is nothing to copy, or nowhere to.
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
        let sources = sources(&place, &dead);
        if sources.is_empty() {
            continue;
        }
        let copies: Vec<(usize, usize)> = dead.into_iter().zip(sources).collect();
        copy(&mut changed, &place, &copies, step, written)?;
    }
    changed.finish()
}

/// The places in `graph` where channels can be copied.
fn places<'g>(graph: &'g Graph, plan: &Plan) -> Result<Vec<Place<'g>>, Error> {
    let (producers, consumers) = (graph.producers()?, graph.consumers());
    let outputs = graph.output_names();
    let readers = |value: &str| consumers.get(value).map_or(&[][..], Vec::as_slice);
    let is_clamp =
        |node: &Node| matches!(node.operator().map(|operator| operator.eight_bit), Some(EightBit::Clamp(_)));
    let mut places = Vec::new();
    for depthwise in Layer::all(graph, plan.roles())?.into_iter().filter(Layer::has_depthwise_kernel) {
        // Backwards over activations to the layer before.
        let mut value = depthwise.input;
        let before = loop {
            if readers(value).len() != 1 || outputs.contains(value) {
                break None;
            }
            let Some(&index) = producers.get(value) else { break None };
            let node = &graph.nodes[index];
            match node.input(0) {
                Some(input) if is_clamp(node) => value = input,
                _ => break Layer::of(index, graph)?.filter(|_| plan.roles().is_quantized(&node.name)),
            }
        };
        // Forwards over activations to the layers after.
        let Some(mut written) = depthwise.node.output(0) else { continue };
        while let &[reader] = readers(written)
            && is_clamp(&graph.nodes[reader])
            && !outputs.contains(written)
            && let Some(output) = graph.nodes[reader].output(0)
        {
            written = output;
        }
        let mut after = Vec::new();
        for &reader in readers(written) {
            let layer = Layer::of(reader, graph)?.filter(|layer| layer.groups == 1 && layer.input == written);
            // A constant channel becomes part of a bias where there is no padding.
            after.extend(layer.filter(|layer| {
                layer.taps() == 1
                    && layer
                        .node
                        .ints("pads")
                        .is_ok_and(|pads| pads.unwrap_or_default().iter().all(|&pad| pad == 0))
            }));
        }
        let complete =
            !after.is_empty() && after.len() == readers(written).len() && !outputs.contains(written);
        let biased = |layer: &Layer<'_>| {
            layer
                .node
                .input(2)
                .and_then(|name| graph.constants.get(name))
                .is_some_and(|bias| bias.shape() == [layer.rows()])
        };
        if let Some(before) = before
            && complete
            && before.groups == 1
            && before.rows() == depthwise.rows()
            && [&before, &depthwise].into_iter().chain(&after).all(biased)
        {
            places.push(Place { before, values: [depthwise.input, written], depthwise, after });
        }
    }
    Ok(places)
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

/// The channel to copy to each dead one, which may be the same for several; none if little is saved.
fn sources(place: &Place<'_>, dead: &[usize]) -> Vec<usize> {
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
    for _ in dead {
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

/// Makes each dead channel, the first of a pair, a copy of the second.
fn copy(
    changed: &mut Changed,
    place: &Place<'_>,
    copies: &[(usize, usize)],
    step: f64,
    written: &ChannelStatistics,
) -> Result<(), Error> {
    // All channels that hold the same, with the offsets of their rounding.
    let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &(dead, source) in copies {
        groups.entry(source).or_insert_with(|| vec![source]).push(dead);
    }
    let mut before = Rows::of(changed, &place.before)?;
    let mut depthwise = Rows::of(changed, &place.depthwise)?;
    let mut after =
        place.after.iter().map(|layer| Rows::of(changed, layer)).collect::<Result<Vec<_>, _>>()?;
    // What the dead channels added.
    for rows in &mut after {
        for &(dead, _) in copies {
            let value = written.min[dead];
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

/// The weights of a layer in rows, and its biases.
struct Rows {
    depth: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Rows {
    /// As `changed` has them, by earlier places.
    fn of(changed: &Changed, layer: &Layer<'_>) -> Result<Self, Error> {
        let constant = |input: usize| -> Result<&[f32], Error> {
            let name = changed.graph.nodes[layer.index].required_input(input)?;
            changed.graph.constants.get(name).map_or(Ok(&[][..]), |tensor| tensor.as_f32())
        };
        let weights = layer.as_rows(constant(1)?);
        Ok(Self { depth: layer.depth(), weights, bias: constant(2)?.to_vec() })
    }

    fn row(&self, row: usize) -> &[f32] {
        &self.weights[row * self.depth..][..self.depth]
    }

    fn set(&mut self, row: usize, weights: &[f32], bias: f32) {
        self.weights[row * self.depth..][..self.depth].copy_from_slice(weights);
        self.bias[row] = bias;
    }

    fn write(&self, changed: &mut Changed, layer: &Layer<'_>) -> Result<(), Error> {
        changed.put(layer.index, 1, Tensor::new(layer.weights.shape(), layer.of_rows(&self.weights))?);
        changed.put(layer.index, 2, Tensor::vector(self.bias.clone()));
        Ok(())
    }
}
