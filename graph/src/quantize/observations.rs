//! What was observed of a graph's values: it outlives what ran the graph.

use std::collections::{BTreeMap, HashSet};

use super::flat::is_flat;
use super::runner::{Runner, observed};
use super::{Calibration, CalibrationMethod, ChannelAxis, ChannelStatistics, Histogram, Range, Roles};
use crate::{DataType, Error, Graph, Limits, Tensor};

/// What was observed of the values of a float graph.
#[derive(Debug)]
pub(super) struct Observations {
    /// One for each value that becomes bytes; then those of which channels alone are counted.
    values: Vec<Observed>,
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

impl Observations {
    /// Nothing yet, of the values of `graph` that become bytes, and of the channels of `channels` along these axes.
    pub(super) fn new(graph: &Graph, roles: &Roles, channels: &BTreeMap<String, ChannelAxis>) -> Self {
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
        let values = bytes.iter().copied().chain(others).map(observe).collect();
        let flat = graph.inputs.iter().map(|input| (input.name.clone(), 0)).collect();
        Self { values, inputs: 0, flat }
    }

    /// The bytes that it takes.
    pub(super) fn bytes(&self) -> u64 {
        self.with_histograms().count() as u64 * Histogram::BYTES
    }

    /// What runs `graph` for the values observed, while `held` bytes of the limits are taken, the constants of `graph` among them, but
    /// without what was observed.
    pub(super) fn runner(&self, graph: &Graph, held: u64, limits: &Limits) -> Result<Runner, Error> {
        let values = self.values.iter().map(|one| (one.value.clone(), DataType::F32));
        Runner::new(observed(graph.clone(), values), 0, held.saturating_add(self.bytes()), limits)
    }

    /// Runs the graph on an example, a tensor for each of its inputs by name, and counts its values.
    pub(super) fn observe(&mut self, runner: &mut Runner, inputs: &[(&str, &Tensor)]) -> Result<(), Error> {
        for (name, input) in inputs {
            // Reported for the input itself, not for the first layer that it reaches.
            if let Ok(values) = input.as_f32() {
                Range::of(name, values)?;
            }
            if let Some((_, flat)) = self.flat.iter_mut().find(|(input, _)| input == name) {
                *flat += usize::from(is_flat(input));
            }
        }
        let all = &mut self.values;
        runner.run(inputs, |at, shape, seen| {
            let Observed { value, histogram, channels, .. } = &mut all[at];
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
        self.with_histograms().map(|(observed, histogram)| (observed.value.as_str(), histogram))
    }

    /// The values that become bytes, with their histograms.
    fn with_histograms(&self) -> impl Iterator<Item = (&Observed, &Histogram)> {
        self.values.iter().filter_map(|one| Some((one, one.histogram.as_ref()?)))
    }

    /// The least and greatest value of each activation.
    pub(super) fn extremes(&self) -> Vec<(String, Range)> {
        let range = |(one, histogram): (&Observed, &Histogram)| {
            let (min, max) = histogram.extremes()?;
            Some((one.value.clone(), Range { min, max }))
        };
        self.with_histograms().filter_map(range).collect()
    }

    /// The statistics of channels, by value.
    pub(super) fn channels(&self) -> BTreeMap<&str, &ChannelStatistics> {
        self.values.iter().filter_map(|one| Some((one.value.as_str(), &one.channels.as_ref()?.1))).collect()
    }

    /// The number of examples observed.
    pub(super) fn inputs(&self) -> usize {
        self.inputs
    }

    /// The ranges of the observed values, for activations of the bytes from 0 to `greatest`.
    pub(super) fn calibration(&self, method: CalibrationMethod, greatest: u8) -> Result<Calibration, Error> {
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
            (one.value.clone(), method.range_of(histogram, greatest).unwrap_or(nothing))
        };
        Ok(Calibration { ranges: self.with_histograms().map(range).collect(), inputs: self.inputs })
    }
}
