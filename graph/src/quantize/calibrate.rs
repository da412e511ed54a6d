//! Calibration: observes the ranges of a graph's activations while it runs on examples.

use std::collections::{BTreeMap, HashSet};

use super::flat::is_flat;
use super::runner::{Runner, observed};
use super::{ChannelAxis, ChannelStatistics, Histogram, Range, Roles};
use super::{entropy_range, mse_range};
use crate::limits::constants_of;
use crate::{DataType, Error, Graph, Limits, Tensor};

/// How a range is chosen from the values observed.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum CalibrationMethod {
    /// From the smallest to the largest value.
    MinMax,
    /// The central share of the values in percent, above 0 and at most 100: half of the rest is cut off on either side, so
    /// that a few outliers do not reduce the resolution of all other values.
    ///
    /// Outputs of the graph keep their whole range: the largest of a classifier's scores is rare, but it is the result.
    Percentile(f64),
    /// The range of least squared error: what is cut off against what is rounded ([`mse_range`]). Outputs of the graph keep their whole
    /// range.
    Mse,
    /// The range of least divergence ([`entropy_range`]). Outputs of the graph keep their whole range.
    Entropy,
}

impl CalibrationMethod {
    /// An error unless a percentile is above 0 and at most 100.
    pub fn validate(self) -> Result<(), Error> {
        match self {
            Self::Percentile(percent) if !(percent > 0.0 && percent <= 100.0) => {
                Err(Error::argument("percentile", format!("{percent} is not above 0 and at most 100")))
            }
            _ => Ok(()),
        }
    }

    fn range(self, histogram: &Histogram) -> Option<Range> {
        let (min, max) = match self {
            Self::Mse => return mse_range(histogram),
            Self::Entropy => return entropy_range(histogram),
            Self::MinMax => histogram.extremes()?,
            Self::Percentile(percent) => {
                let tail = (100.0 - percent) / 200.0;
                (histogram.lower(tail)?, histogram.upper(1.0 - tail)?)
            }
        };
        Some(Range { min, max })
    }
}

/// The ranges of a graph's activations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calibration {
    /// By value.
    pub ranges: BTreeMap<String, Range>,
    /// The number of examples observed.
    pub inputs: usize,
}

/// Observes the activations of a float graph over any number of examples.
///
/// It keeps one [`Histogram`] for each activation that becomes bytes, whatever the number of examples; several methods can
/// then compute ranges from them.
#[derive(Debug)]
pub struct Calibrator {
    runner: Runner,
    /// One for each value that becomes bytes; then those of which channels alone are counted.
    observed: Vec<Observed>,
    inputs: usize,
    /// For each input of the graph, the number of flat examples.
    flat: Vec<(String, usize)>,
}

#[derive(Debug)]
struct Observed {
    value: String,
    histogram: Option<Histogram>,
    channels: Option<(ChannelAxis, ChannelStatistics)>,
    /// Whether it is an output of the graph, directly or through operators that only move data.
    is_output: bool,
}

impl Calibrator {
    /// A calibrator of the float graph `graph`.
    ///
    /// # Errors
    ///
    /// Every error of [`Roles::new`], and of preparing the graph to run.
    pub fn new(graph: &Graph) -> Result<Self, Error> {
        Self::within(graph, &Limits::default())
    }

    /// As [`new`](Self::new), with other limits than the default.
    pub fn within(graph: &Graph, limits: &Limits) -> Result<Self, Error> {
        Self::beside(graph, &Roles::new(graph)?, &BTreeMap::new(), constants_of([graph]), limits)
    }

    /// As [`within`](Self::within), for nodes with these roles, while `held` bytes of the limits are taken, the constants of `graph`
    /// among them. Of the values of `channels`, the statistics of the channels along these axes are computed, too.
    pub(super) fn beside(
        graph: &Graph,
        roles: &Roles,
        channels: &BTreeMap<String, ChannelAxis>,
        held: u64,
        limits: &Limits,
    ) -> Result<Self, Error> {
        let outputs: HashSet<&str> =
            graph.outputs.iter().filter_map(|output| roles.root(&output.name)).collect();
        let bytes = roles.observed();
        let others = channels.keys().map(String::as_str).filter(|name| !bytes.contains(name));
        let observe = |value: &str| Observed {
            value: value.to_owned(),
            histogram: bytes.contains(value).then(Histogram::new),
            channels: channels.get(value).map(|&axis| (axis, ChannelStatistics::default())),
            is_output: outputs.contains(value),
        };
        let seen: Vec<Observed> = bytes.iter().copied().chain(others).map(observe).collect();
        let histograms = bytes.len() as u64 * Histogram::BYTES;
        let values = seen.iter().map(|one| (one.value.clone(), DataType::F32));
        let runner =
            Runner::new(observed(graph.clone(), values), 0, held.saturating_add(histograms), limits)?;
        let flat = graph.inputs.iter().map(|input| (input.name.clone(), 0)).collect();
        Ok(Self { runner, observed: seen, inputs: 0, flat })
    }

    /// Changes the number of bytes that are taken, the constants of the graph among them.
    ///
    /// # Errors
    ///
    /// [`Error::OverLimit`] if the calibration does not fit beside them.
    pub(super) fn hold(&mut self, held: u64) -> Result<(), Error> {
        let histograms = self.bytes().count() as u64 * Histogram::BYTES;
        self.runner.hold(held.saturating_add(histograms))
    }

    /// The bytes that it takes beside the constants of its graph.
    pub(super) fn bytes_held(&self) -> u64 {
        self.runner.bytes().saturating_add(self.bytes().count() as u64 * Histogram::BYTES)
    }

    /// Runs the graph on one example, a tensor for each input of the graph by name, and counts the values of its activations.
    ///
    /// # Errors
    ///
    /// Inputs that do not fit the graph; an activation that is not finite, with its name.
    pub fn observe(&mut self, inputs: &[(&str, &Tensor)]) -> Result<(), Error> {
        for (name, input) in inputs {
            // Reported for the input itself, not for the first layer that it reaches.
            if let Ok(values) = input.as_f32() {
                Range::of(name, values)?;
            }
            if let Some((_, flat)) = self.flat.iter_mut().find(|(input, _)| input == name) {
                *flat += usize::from(is_flat(input));
            }
        }
        let observed = &mut self.observed;
        self.runner.run(inputs, |at, shape, seen| {
            let Observed { value, histogram, channels, .. } = &mut observed[at];
            let values = seen.floats()?;
            if let Some(histogram) = histogram {
                histogram.add(value, values)?;
            }
            channels.as_mut().map_or(Ok(()), |(axis, of)| of.add(value, *axis, shape, values))
        })?;
        self.inputs += 1;
        Ok(())
    }

    /// Each input of the graph with its number of flat examples.
    pub(super) fn flat_inputs(&self) -> &[(String, usize)] {
        &self.flat
    }

    /// The histogram of each activation.
    pub(super) fn histograms(&self) -> impl Iterator<Item = (&str, &Histogram)> {
        self.bytes().map(|(observed, histogram)| (observed.value.as_str(), histogram))
    }

    /// The values that become bytes, with their histograms.
    fn bytes(&self) -> impl Iterator<Item = (&Observed, &Histogram)> {
        self.observed.iter().filter_map(|one| Some((one, one.histogram.as_ref()?)))
    }

    /// The least and greatest value of each activation.
    pub(super) fn extremes(&self) -> Vec<(String, Range)> {
        let range = |(one, histogram): (&Observed, &Histogram)| {
            let (min, max) = histogram.extremes()?;
            Some((one.value.clone(), Range { min, max }))
        };
        self.bytes().filter_map(range).collect()
    }

    /// The statistics of channels, by value.
    pub(super) fn channels(&self) -> BTreeMap<&str, &ChannelStatistics> {
        self.observed.iter().filter_map(|one| Some((one.value.as_str(), &one.channels.as_ref()?.1))).collect()
    }

    /// The number of examples observed.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The ranges of the observed values.
    ///
    /// # Errors
    ///
    /// No example at all; a percentile out of range.
    pub fn calibration(&self, method: CalibrationMethod) -> Result<Calibration, Error> {
        method.validate()?;
        if self.inputs == 0 {
            return Err(Error::argument(
                "calibration set",
                "it is empty: give at least one example like the model's real inputs, better a hundred",
            ));
        }
        let nothing = Range { min: 0.0, max: 0.0 };
        let range = |(one, histogram): (&Observed, &Histogram)| {
            let method = if one.is_output { CalibrationMethod::MinMax } else { method };
            (one.value.clone(), method.range(histogram).unwrap_or(nothing))
        };
        Ok(Calibration { ranges: self.bytes().map(range).collect(), inputs: self.inputs })
    }
}
