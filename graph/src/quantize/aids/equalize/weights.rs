//! Equalization of weights where a layer has one scale for all of them: a channel whose weights are small beside those of others has few of
//! the 256 steps.
//!
//! After Nagel et al. (2019), section 4.1, where a channel gets the factor `√(r₂ / r₁)` of the largest weights that write and read it, and
//! bounds of activations are taken away. A network that was trained with bounds needs them, so here a factor leaves each bound some room above
//! what was seen of the channel; and no channel becomes larger than the largest one, so that activations keep their steps. What is left is the
//! freedom of small channels, and the largest weights are those that read them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::MOST;
use super::scaled::scaled;
use crate::quantize::aids::classes::{Class, classes};
use crate::quantize::layer::Layer;
use crate::quantize::{ChannelStatistics, Roles};
use crate::{Error, Graph, Limits};

/// How many times the greatest value seen of a channel its bound must leave. Twice, as where the ranges of activations are made equal,
/// frees too few channels.
const MARGIN: f64 = 1.25;
/// What a class can do depends on its neighbours, so all take turns.
const ROUNDS: usize = 20;

/// `graph` with channels whose weights have equal ranges, as far as bounds allow; `None` where nothing changes. `held` bytes are taken, the
/// constants of `graph` among them.
pub(in crate::quantize) fn equalized_weights(
    graph: &Graph,
    roles: &Roles,
    statistics: &BTreeMap<&str, &ChannelStatistics>,
    (held, memory): (u64, &Limits),
) -> Result<Option<Graph>, Error> {
    let classes = classes(graph)?;
    let mut changes = Vec::new();
    let mut ends = BTreeSet::new();
    for class in &classes {
        if let Some(limits) = limits(class, statistics) {
            let factors = vec![1.0; limits.len()];
            ends.extend(class.producers.iter().chain(&class.consumers).map(|layer| layer.index));
            changes.push(Change { class, limits, factors });
        }
    }
    let all = Layer::all(graph, roles)?;
    let all = all.iter().filter(|layer| ends.contains(&layer.index));
    let kept: u64 = all.clone().map(Magnitudes::bytes).sum();
    // The weights in the order of rows, then those that are scaled.
    let beside = all.clone().map(|layer| 4 * layer.weights.len() as u64);
    let beside = beside.clone().max().unwrap_or(0).saturating_add(beside.sum());
    let bytes = held.saturating_add(kept).saturating_add(beside);
    memory.check_bytes(bytes, || "equalization of weights".to_owned())?;
    let mut layers = BTreeMap::new();
    for layer in all {
        layers.insert(layer.index, Magnitudes::of(layer)?);
    }
    for _ in 0..ROUNDS {
        changes.iter_mut().for_each(|change| change.turn(&mut layers));
    }
    let mut factors = HashMap::new();
    for Change { class, factors: of_class, .. } in &changes {
        if of_class.iter().any(|&factor| factor != 1.0) {
            factors.extend(class.values.iter().map(|&value| (value, of_class.clone())));
        }
    }
    scaled(graph, &factors)
}

/// The least and the greatest factor of each channel; `None` if it is not known what the channels hold.
fn limits(class: &Class<'_>, statistics: &BTreeMap<&str, &ChannelStatistics>) -> Option<Vec<(f64, f64)>> {
    let count = class.producers.first()?.rows();
    let fits = class.producers.iter().all(|layer| layer.rows() == count)
        && class.consumers.iter().all(|layer| layer.inputs() == count);
    let seen = class.values.iter().filter_map(|value| statistics.get(value));
    let seen: Vec<_> = seen.filter(|of| of.channels() == count).collect();
    if !fits || seen.is_empty() {
        return None;
    }
    let bound = f64::from(class.bound);
    // Of a channel that was always zero, only the weights that write it can be large for nothing; but a bound must still cut off what it did.
    let silent = if bound.is_finite() { 1.0 } else { 1.0 / MOST };
    let mut limits = vec![(silent, f64::INFINITY); count];
    for of in seen {
        let ends = of
            .min
            .iter()
            .zip(&of.max)
            .map(|(&min, &max)| (f64::from(-min).max(f64::from(max)), f64::from(max)));
        let all = ends.clone().fold(0.0f64, |all, (largest, _)| all.max(largest));
        for ((least, most), (largest, greatest)) in limits.iter_mut().zip(ends) {
            if largest > 0.0 {
                *least = 1.0;
                *most = most.min(all / largest);
                if greatest > 0.0 {
                    *most = most.min(bound / (MARGIN * greatest));
                }
            }
        }
    }
    let of_channel =
        |(least, most): (f64, f64)| (least, if most.is_finite() { most.clamp(1.0, MOST) } else { 1.0 });
    Some(limits.into_iter().map(of_channel).collect())
}

/// What happens to the channels of a class.
struct Change<'c, 'g> {
    class: &'c Class<'g>,
    /// The least and the greatest factor of each.
    limits: Vec<(f64, f64)>,
    factors: Vec<f64>,
}

impl Change<'_, '_> {
    /// Balances the weights before and after the channels.
    fn turn(&mut self, layers: &mut BTreeMap<usize, Magnitudes>) {
        let Self { class, limits, factors } = self;
        let (mut written, mut read) = (vec![0.0f64; factors.len()], vec![0.0f64; factors.len()]);
        for layer in class.producers.iter().filter_map(|layer| layers.get(&layer.index)) {
            layer.each(|row, _, part| written[row] = written[row].max(part));
        }
        for layer in class.consumers.iter().filter_map(|layer| layers.get(&layer.index)) {
            layer.each(|_, input, part| read[input] = read[input].max(part));
        }
        let mut by = vec![1.0; factors.len()];
        for (channel, by) in by.iter_mut().enumerate() {
            if written[channel] > 0.0 && read[channel] > 0.0 {
                let (least, most) = limits[channel];
                let factor = factors[channel] * (read[channel] / written[channel]).sqrt();
                let factor = factor.clamp(least, most);
                *by = factor / factors[channel];
                factors[channel] = factor;
            }
        }
        for layer in &class.producers {
            layers.entry(layer.index).and_modify(|layer| layer.scale(|row, _| by[row]));
        }
        for layer in &class.consumers {
            layers.entry(layer.index).and_modify(|layer| layer.scale(|_, input| 1.0 / by[input]));
        }
    }
}

/// The largest weight of a layer for each output channel and each input channel that it reads.
struct Magnitudes {
    /// Of each output channel, row after row.
    largest: Vec<f32>,
    /// Input channels that an output channel reads.
    inputs: usize,
    /// Output channels that read the same.
    rows_of_group: usize,
}

impl Magnitudes {
    fn bytes(layer: &Layer<'_>) -> u64 {
        4 * (layer.weights.len() / layer.taps().max(1)) as u64
    }

    fn of(layer: &Layer<'_>) -> Result<Self, Error> {
        let taps = layer.taps().max(1);
        let largest = |taps: &[f32]| taps.iter().fold(0.0f32, |largest, tap| largest.max(tap.abs()));
        Ok(Self {
            largest: layer.as_rows(layer.weights.as_f32()?).chunks(taps).map(largest).collect(),
            inputs: layer.depth() / taps,
            rows_of_group: layer.rows() / layer.groups,
        })
    }

    /// Calls `each` with output channel, input channel, and the largest weight between them as a part of the layer's largest.
    fn each(&self, mut each: impl FnMut(usize, usize, f64)) {
        let all = self.largest.iter().fold(f32::MIN_POSITIVE, |all, &one| all.max(one));
        for (at, largest) in self.largest.iter().enumerate() {
            let (row, input) = self.channels(at);
            each(row, input, f64::from(largest / all));
        }
    }

    fn scale(&mut self, by: impl Fn(usize, usize) -> f64) {
        for at in 0..self.largest.len() {
            let (row, input) = self.channels(at);
            self.largest[at] = (f64::from(self.largest[at]) * by(row, input)) as f32;
        }
    }

    fn channels(&self, at: usize) -> (usize, usize) {
        let row = at / self.inputs;
        (row, row / self.rows_of_group * self.inputs + at % self.inputs)
    }
}
