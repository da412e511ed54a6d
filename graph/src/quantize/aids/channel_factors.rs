//! The factors of channels with the least expected noise.

use std::collections::BTreeMap;

use super::classes::Class;
use crate::Error;
use crate::quantize::layer::Layer;
use crate::quantize::{ChannelStatistics, Granularity, Plan};

/// How many times the largest value seen an activation's bound must leave.
const MARGIN: f64 = 2.0;
/// The largest factor.
const MOST: f64 = 256.0;

/// What is known about the channels of a class.
pub(super) struct Channels {
    /// Of each value that becomes bytes, its name and its channels' least and greatest values.
    ranges: Vec<(String, Vec<f64>, Vec<f64>)>,
    /// The largest magnitude of each channel but for outliers.
    largest: Vec<f64>,
    /// The greatest value of each channel.
    greatest: Vec<f64>,
    /// Of each product that reads: which of `ranges` it reads, the mean squares of the channels, its weights in rows.
    readers: Vec<Reader>,
    /// Of each product that writes, if its weights have one scale.
    writers: Vec<Writer>,
    granularity: Granularity,
}

struct Reader {
    range: usize,
    squares: Vec<f64>,
    weights: Vec<f32>,
    /// The largest weight that reads each channel.
    largest: Vec<f64>,
}

struct Writer {
    /// The largest weight of each channel.
    largest: Vec<f64>,
    /// The sum of the mean squares of what the weights of each channel are multiplied by.
    squares: Vec<f64>,
}

impl Writer {
    /// `None` if its input was not observed.
    fn of(layer: &Layer<'_>, statistics: &BTreeMap<&str, &ChannelStatistics>) -> Result<Option<Self>, Error> {
        let Some(of) = statistics.get(layer.input).filter(|of| of.channels() == layer.inputs()) else {
            return Ok(None);
        };
        let (inputs, depth) = (of.mean_squares(), layer.depth());
        let weights = layer.as_rows(layer.weights.as_f32()?);
        let rows = weights.chunks_exact(depth);
        let largest =
            rows.map(|row| row.iter().fold(0.0f64, |all, one| all.max(f64::from(one.abs())))).collect();
        let squares = |row| (0..depth).map(|at| inputs[layer.input_channel(row, at)]).sum();
        Ok(Some(Self { largest, squares: (0..layer.rows()).map(squares).collect() }))
    }

    /// Adds to `noise` what rounding adds to each channel before it is multiplied by its factor.
    fn add(&self, factors: &[f64], noise: &mut [f64]) {
        let step = self.largest.iter().zip(factors).fold(0.0f64, |all, (one, by)| all.max(one * by)) / 127.0;
        let channels = noise.iter_mut().zip(&self.squares).zip(factors);
        channels.for_each(|((noise, squares), by)| *noise += CORRECTED * step * step * squares / (by * by));
    }
}

impl Channels {
    /// `None` if something was not observed.
    pub(super) fn of(
        class: &Class<'_>,
        plan: &Plan,
        statistics: &BTreeMap<&str, &ChannelStatistics>,
    ) -> Result<Option<Self>, Error> {
        let mut ranges = Vec::new();
        for &value in class.values.iter().filter(|value| plan.roles().root(value).is_some()) {
            let Some(of) = statistics.get(value).filter(|of| of.channels() > 0) else { return Ok(None) };
            let (min, max) = usual(of);
            ranges.push((value.to_owned(), min, max));
        }
        let Some(count) = ranges.first().map(|(_, min, _)| min.len()) else { return Ok(None) };
        if ranges.iter().any(|(_, min, _)| min.len() != count) {
            return Ok(None);
        }
        let mut largest = vec![0.0f64; count];
        for (_, min, max) in &ranges {
            for (largest, (min, max)) in largest.iter_mut().zip(min.iter().zip(max)) {
                *largest = largest.max(-min).max(*max);
            }
        }
        let mut greatest = vec![0.0f64; count];
        for of in
            class.values.iter().filter_map(|value| statistics.get(value)).filter(|of| of.channels() == count)
        {
            greatest.iter_mut().zip(&of.max).for_each(|(all, &max)| *all = all.max(f64::from(max)));
        }
        let mut readers = Vec::new();
        for layer in &class.consumers {
            let range = ranges.iter().position(|(value, ..)| value == layer.input);
            let squares = statistics.get(layer.input).map(|of| of.mean_squares());
            let (Some(range), Some(squares)) = (range, squares) else { continue };
            if layer.inputs() != count || squares.len() != count {
                return Ok(None);
            }
            let weights = layer.as_rows(layer.weights.as_f32()?);
            let mut of_channel = vec![0.0f64; count];
            for (at, &weight) in weights.iter().enumerate() {
                let channel = layer.input_channel(at / layer.depth(), at % layer.depth());
                of_channel[channel] = of_channel[channel].max(f64::from(weight.abs()));
            }
            readers.push(Reader { range, squares, weights, largest: of_channel });
        }
        let complete = class.producers.iter().all(|layer| layer.rows() == count) && !readers.is_empty();
        let mut writers = Vec::new();
        if plan.granularity() == Granularity::PerTensor {
            for layer in &class.producers {
                writers.extend(Writer::of(layer, statistics)?);
            }
        }
        let granularity = plan.granularity();
        Ok(complete.then_some(Self { ranges, largest, greatest, readers, writers, granularity }))
    }

    /// The factors with the least expected noise, and that noise as a part of the noise without factors.
    pub(super) fn best(&self, class: &Class<'_>) -> (Vec<f64>, f64) {
        let count = self.largest.len();
        let without = self.noise(class, &vec![1.0; count]);
        let mut best = (vec![1.0; count], 1.0);
        let all = self.largest.iter().fold(0.0f64, |all, &one| all.max(one));
        if all == 0.0 || without == 0.0 || !without.is_finite() {
            return best;
        }
        let mut weights = vec![0.0f64; count];
        for reader in &self.readers {
            weights.iter_mut().zip(&reader.largest).for_each(|(all, one)| *all = all.max(*one));
        }
        let most = weights.iter().fold(0.0f64, |all, &one| all.max(one));
        // The ranges of weights before the value, as parts of the largest.
        let mut before = vec![0.0f64; count];
        for writer in &self.writers {
            let most = writer.largest.iter().fold(f64::MIN_POSITIVE, |all, &one| all.max(one));
            before.iter_mut().zip(&writer.largest).for_each(|(all, one)| *all = all.max(one / most));
        }
        let tries: &[[f64; 3]] = match self.granularity {
            Granularity::PerChannel => &OF_CHANNELS,
            Granularity::PerTensor => &OF_TENSORS,
        };
        for &[of_activations, of_weights, of_before] in tries {
            let factor = |(((&largest, &greatest), &weight), &before): (((&f64, &f64), &f64), &f64)| {
                if largest == 0.0 || weight == 0.0 {
                    return 1.0;
                }
                let by = (all / largest).powf(of_activations) * (weight / most).powf(of_weights);
                let by = if before > 0.0 { by * before.powf(-of_before) } else { by };
                // An activation's bound may cut off only what was not seen, and must still cut off what it did.
                let bound = f64::from(class.bound);
                let limits = if bound.is_finite()
                    && MARGIN * greatest < bound
                    && self.granularity == Granularity::PerTensor
                {
                    (1.0 / MOST, bound / (MARGIN * greatest))
                } else if bound.is_finite() {
                    (1.0, (bound / (MARGIN * greatest)).max(1.0))
                } else {
                    (1.0 / MOST, MOST)
                };
                by.clamp(limits.0, limits.1.min(MOST))
            };
            let factors: Vec<f64> =
                self.largest.iter().zip(&self.greatest).zip(&weights).zip(&before).map(factor).collect();
            let part = self.noise(class, &factors) / without;
            if part < best.1 {
                best = (factors, part);
            }
        }
        best
    }

    /// The noise that rounding of these activations and of the weights that read them is expected to add, as parts of the signals.
    fn noise(&self, class: &Class<'_>, factors: &[f64]) -> f64 {
        let steps: Vec<f64> = self
            .ranges
            .iter()
            .map(|(_, min, max)| {
                let greatest = max.iter().zip(factors).fold(0.0f64, |all, (max, by)| all.max(max * by));
                let least = min.iter().zip(factors).fold(0.0f64, |all, (min, by)| all.min(min * by));
                (greatest - least) / 255.0
            })
            .collect();
        let readers =
            class.consumers.iter().filter(|layer| self.ranges.iter().any(|(value, ..)| value == layer.input));
        let mut noise = 0.0;
        let mut of_writers = vec![0.0f64; factors.len()];
        self.writers.iter().for_each(|writer| writer.add(factors, &mut of_writers));
        for (layer, reader) in readers.zip(&self.readers) {
            let (mut of_activations, mut of_weights, mut written, mut signal) = (0.0, 0.0, 0.0, 0.0);
            let (mut of_all, mut all_squares) = (0.0f64, 0.0);
            for (row, weights) in reader.weights.chunks_exact(layer.depth()).enumerate() {
                let (mut largest, mut squares) = (0.0f64, 0.0);
                for (depth, &weight) in weights.iter().enumerate() {
                    let channel = layer.input_channel(row, depth);
                    let (weight, by) = (f64::from(weight), factors[channel]);
                    of_activations += weight * weight / (by * by);
                    written += weight * weight * of_writers[channel];
                    signal += weight * weight * reader.squares[channel];
                    largest = largest.max(weight.abs() / by);
                    squares += by * by * reader.squares[channel];
                }
                of_weights += (largest / 127.0) * (largest / 127.0) * squares;
                (of_all, all_squares) = (of_all.max(largest), all_squares + squares);
            }
            if self.granularity == Granularity::PerTensor {
                of_weights = (of_all / 127.0) * (of_all / 127.0) * all_squares;
            }
            if signal > 0.0 {
                let step = steps[reader.range];
                noise += (step * step * of_activations + written + CORRECTED * of_weights) / signal;
            }
        }
        noise
    }
}

/// The ends of what each channel holds but for rare outliers, which a range cuts off.
fn usual(of: &ChannelStatistics) -> (Vec<f64>, Vec<f64>) {
    let ends = of.means().into_iter().zip(of.mean_squares()).enumerate().map(|(channel, (mean, square))| {
        let reach = DEVIATIONS * (square - mean * mean).max(0.0).sqrt();
        ((mean - reach).max(f64::from(of.min[channel])), (mean + reach).min(f64::from(of.max[channel])))
    });
    ends.unzip()
}

/// How many deviations from its mean a channel reaches but for outliers.
const DEVIATIONS: f64 = 6.0;

/// The part of the noise of weights that is left when they are rounded for their inputs.
const CORRECTED: f64 = 0.25;

/// Powers of the ranges of channels that factors are tried with: of activations, of the weights that read them, of those that write them. The
/// last are free where each has a scale of its own.
const OF_CHANNELS: [[f64; 3]; 15] = [
    [0.25, 0.0, 0.0],
    [0.25, 0.25, 0.0],
    [0.25, 0.5, 0.0],
    [0.5, 0.0, 0.0],
    [0.5, 0.25, 0.0],
    [0.5, 0.5, 0.0],
    [0.75, 0.0, 0.0],
    [0.75, 0.25, 0.0],
    [0.75, 0.5, 0.0],
    [0.9, 0.0, 0.0],
    [0.9, 0.25, 0.0],
    [0.9, 0.5, 0.0],
    [1.0, 0.0, 0.0],
    [1.0, 0.25, 0.0],
    [1.0, 0.5, 0.0],
];

/// As [`OF_CHANNELS`], for layers with one scale. The first is that of Nagel et al., equation 11.
const OF_TENSORS: [[f64; 3]; 12] = [
    [0.0, 0.5, 0.5],
    [0.0, 0.25, 0.25],
    [0.0, 0.5, 0.25],
    [0.0, 0.25, 0.5],
    [0.25, 0.5, 0.25],
    [0.25, 0.25, 0.25],
    [0.25, 0.5, 0.0],
    [0.5, 0.5, 0.0],
    [0.5, 0.25, 0.25],
    [0.25, 0.75, 0.0],
    [0.5, 0.5, 0.5],
    [0.0, 1.0, 0.0],
];
