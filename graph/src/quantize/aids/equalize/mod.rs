//! Cross-layer equalization: channels of an activation are multiplied by factors that the weights before and after take back, so that
//! small channels use more of the 256 steps.
//!
//! After Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (2019), section 4.1, and, for the
//! trade between the errors of activations and of weights, Xiao et al., "SmoothQuant" (2022), section 4. Theirs equalizes the ranges of
//! weights; scales of weights are mostly free here, one for each output channel, so the ranges of activations count for more.

mod scaled;
mod weights;

use std::collections::{BTreeMap, HashMap};

use super::classes::{Class, classes};
use crate::quantize::{ChannelAxis, ChannelStatistics, Roles};
use crate::{Error, Graph};
use scaled::scaled;
pub(in crate::quantize) use weights::equalized_weights;

/// How many times the largest value seen an activation's bound must leave.
const MARGIN: f64 = 2.0;
/// The noise, as a part of the noise without factors, that is worth changing.
const WORTH: f64 = 0.97;
/// The largest factor.
const MOST: f64 = 256.0;

/// The values whose channels must be observed for [`equalized`] and [`equalized_weights`].
pub(in crate::quantize) fn wanted(graph: &Graph) -> Result<BTreeMap<String, ChannelAxis>, Error> {
    let mut wanted = BTreeMap::new();
    for class in classes(graph)? {
        wanted.extend(class.values.iter().map(|&value| (value.to_owned(), class.axis.of_channels())));
    }
    Ok(wanted)
}

/// Which values are changed, those that must have the same factors together.
#[derive(Clone, Copy, Debug)]
pub(in crate::quantize) enum Which<'a> {
    /// All that no activation bounds from above, which would then cut off more than it did.
    Unbounded,
    /// This one.
    Of(&'a str),
}

impl Which<'_> {
    fn holds(self, class: &Class<'_>) -> bool {
        match self {
            Self::Unbounded => class.bound == f32::INFINITY,
            Self::Of(value) => class.values.contains(&value),
        }
    }
}

/// One of each set of values for which [`equalized`] expects a gain, the greatest gain first.
pub(in crate::quantize) fn candidates(
    graph: &Graph,
    roles: &Roles,
    statistics: &BTreeMap<&str, &ChannelStatistics>,
) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    for class in classes(graph)? {
        if let (Some((_, part)), Some(value)) = (gain(&class, roles, statistics)?, class.values.first()) {
            found.push((part, (*value).to_owned()));
        }
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    Ok(found.into_iter().map(|(_, value)| value).collect())
}

/// The best factors of a class, and the noise with them as a part of that without; `None` if they are not worth it.
fn gain(
    class: &Class<'_>,
    roles: &Roles,
    statistics: &BTreeMap<&str, &ChannelStatistics>,
) -> Result<Option<(Vec<f64>, f64)>, Error> {
    let Some(channels) = Channels::of(class, roles, statistics)? else { return Ok(None) };
    Ok(Some(channels.best(class)).filter(|(_, part)| *part < WORTH))
}

/// `graph` with equalized channels; `None` where nothing is gained.
pub(in crate::quantize) fn equalized(
    graph: &Graph,
    roles: &Roles,
    statistics: &BTreeMap<&str, &ChannelStatistics>,
    which: Which<'_>,
) -> Result<Option<Graph>, Error> {
    let classes = classes(graph)?;
    let mut factors: HashMap<&str, Vec<f64>> = HashMap::new();
    for class in classes.iter().filter(|class| which.holds(class)) {
        if let Some((factor, _)) = gain(class, roles, statistics)? {
            factors.extend(class.values.iter().map(|&value| (value, factor.clone())));
        }
    }
    scaled(graph, &factors)
}

/// What is known about the channels of a class.
struct Channels {
    /// Of each value that becomes bytes, its name and its channels' least and greatest values.
    ranges: Vec<(String, Vec<f64>, Vec<f64>)>,
    /// The largest magnitude of each channel but for outliers.
    largest: Vec<f64>,
    /// The greatest value of each channel.
    greatest: Vec<f64>,
    /// Of each product that reads: which of `ranges` it reads, the mean squares of the channels, its weights in rows.
    readers: Vec<Reader>,
}

struct Reader {
    range: usize,
    squares: Vec<f64>,
    weights: Vec<f32>,
    /// The largest weight that reads each channel.
    largest: Vec<f64>,
}

impl Channels {
    /// `None` if something was not observed.
    fn of(
        class: &Class<'_>,
        roles: &Roles,
        statistics: &BTreeMap<&str, &ChannelStatistics>,
    ) -> Result<Option<Self>, Error> {
        let mut ranges = Vec::new();
        for &value in class.values.iter().filter(|value| roles.root(value).is_some()) {
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
        Ok(complete.then_some(Self { ranges, largest, greatest, readers }))
    }

    /// The factors with the least expected noise, and that noise as a part of the noise without factors.
    fn best(&self, class: &Class<'_>) -> (Vec<f64>, f64) {
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
        for of_activations in [0.25, 0.5, 0.75, 0.9, 1.0] {
            for of_weights in [0.0, 0.25, 0.5] {
                let factor = |((&largest, &greatest), &weight): ((&f64, &f64), &f64)| {
                    if largest == 0.0 || weight == 0.0 {
                        return 1.0;
                    }
                    let by = (all / largest).powf(of_activations) * (weight / most).powf(of_weights);
                    // An activation's bound may cut off only what was not seen, and must still cut off what it did.
                    let bound = f64::from(class.bound);
                    let limits = if bound.is_finite() {
                        (1.0, (bound / (MARGIN * greatest)).max(1.0))
                    } else {
                        (1.0 / MOST, MOST)
                    };
                    by.clamp(limits.0, limits.1.min(MOST))
                };
                let factors: Vec<f64> =
                    self.largest.iter().zip(&self.greatest).zip(&weights).map(factor).collect();
                let part = self.noise(class, &factors) / without;
                if part < best.1 {
                    best = (factors, part);
                }
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
        for (layer, reader) in readers.zip(&self.readers) {
            let (mut of_activations, mut of_weights, mut signal) = (0.0, 0.0, 0.0);
            for (row, weights) in reader.weights.chunks_exact(layer.depth()).enumerate() {
                let (mut largest, mut squares) = (0.0f64, 0.0);
                for (depth, &weight) in weights.iter().enumerate() {
                    let channel = layer.input_channel(row, depth);
                    let (weight, by) = (f64::from(weight), factors[channel]);
                    of_activations += weight * weight / (by * by);
                    signal += weight * weight * reader.squares[channel];
                    largest = largest.max(weight.abs() / by);
                    squares += by * by * reader.squares[channel];
                }
                of_weights += (largest / 127.0) * (largest / 127.0) * squares;
            }
            if signal > 0.0 {
                let step = steps[reader.range];
                noise += (step * step * of_activations + CORRECTED * of_weights) / signal;
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
