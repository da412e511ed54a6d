//! Calibration: observes the ranges of a graph's activations while it runs on examples.

use std::collections::BTreeMap;

use super::entropy_range;
use super::mse::mse_range_of;
use super::runner::Runner;
use super::{ChannelAxis, Histogram, Observations, Range, Roles};
use crate::limits::constants_of;
use crate::{Error, Graph, Limits, Tensor};

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
    /// The range of least squared error: what is cut off against what is rounded ([`mse_range`](super::mse_range)). Outputs of the graph keep their whole
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

    /// The range of the numbers of a histogram; `None` if there are none.
    pub fn range(self, histogram: &Histogram) -> Option<Range> {
        self.range_of(histogram, u8::MAX)
    }

    /// As [`range`](Self::range), for the bytes from 0 to `greatest`.
    pub(super) fn range_of(self, histogram: &Histogram, greatest: u8) -> Option<Range> {
        let (min, max) = match self {
            Self::Mse => return mse_range_of(histogram, greatest),
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
    seen: Observations,
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
        let seen = Observations::new(graph, roles, channels);
        Ok(Self { runner: seen.runner(graph, held, limits)?, seen })
    }

    /// Runs the graph on one example, a tensor for each input of the graph by name, and counts the values of its activations.
    ///
    /// # Errors
    ///
    /// Inputs that do not fit the graph; an activation that is not finite, with its name.
    pub fn observe(&mut self, inputs: &[(&str, &Tensor)]) -> Result<(), Error> {
        self.seen.observe(&mut self.runner, inputs)
    }

    /// The number of examples observed.
    pub fn inputs(&self) -> usize {
        self.seen.inputs()
    }

    /// The ranges of the observed values.
    ///
    /// # Errors
    ///
    /// No example at all; a percentile out of range.
    pub fn calibration(&self, method: CalibrationMethod) -> Result<Calibration, Error> {
        self.seen.calibration(method, u8::MAX)
    }
}
