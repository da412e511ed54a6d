//! What is tried, each aid beside the best of those before it.

use std::collections::BTreeMap;

use super::{Observation, Other, Recipe, Search};
use crate::quantize::aids::equalize::{self, Which};
use crate::quantize::aids::{copies, finer_inputs, shift, silent};
use crate::quantize::{CalibrationMethod, Dataset, Fault, Granularity, Progress, Range, Roles};
use crate::quoted;

/// The part of the error that an aid that takes time may leave.
const WORTH: f64 = 0.97;

impl<D: Dataset + ?Sized> Search<'_, D> {
    /// Scales of one channel alone do not suffer from the weights of others.
    pub(super) fn silent(&mut self) -> Result<(), Fault<D::Error>> {
        if self.options.granularity == Granularity::PerChannel {
            return Ok(());
        }
        let (plan, _) = self.best()?;
        let Observation { graph, seen } = &self.observation;
        let silenced = silent::silenced(graph, &plan, &seen.channels())?;
        self.attempt_graph("smaller weights of silent channels", silenced)
    }

    pub(super) fn equalize_weights(&mut self) -> Result<(), Fault<D::Error>> {
        if self.options.granularity == Granularity::PerChannel {
            return Ok(());
        }
        let Observation { graph, seen } = &self.observation;
        let memory = (self.held([]), &self.options.limits);
        let equalized = equalize::equalized_weights(graph, &self.roles, &seen.channels(), memory)?;
        self.attempt_graph("equalization of weights", equalized)
    }

    pub(super) fn bias(&mut self) -> Result<(), Fault<D::Error>> {
        self.attempt("bias correction", Recipe { bias: true, ..self.best.clone() })
    }

    pub(super) fn copies(&mut self) -> Result<(), Fault<D::Error>> {
        let (plan, _) = self.best()?;
        let Observation { graph, seen } = &self.observation;
        let copied = copies::copied(graph, &plan, &seen.channels())?;
        self.attempt_graph("copies in dead channels", copied)
    }

    pub(super) fn methods(&mut self) -> Result<(), Fault<D::Error>> {
        const METHODS: [(&str, CalibrationMethod); 4] = [
            ("ranges of all values seen", CalibrationMethod::MinMax),
            ("ranges of 99.999 % of the values seen", CalibrationMethod::Percentile(99.999)),
            ("ranges of 99.99 % of the values seen", CalibrationMethod::Percentile(99.99)),
            ("ranges of least squared error", CalibrationMethod::Mse),
        ];
        for (name, method) in METHODS.into_iter().filter(|(_, method)| *method != self.options.method) {
            self.attempt(name, Recipe { method, ..self.best.clone() })?;
        }
        Ok(())
    }

    /// What takes time must bring more than chance.
    pub(super) fn finer_inputs(&mut self) -> Result<(), Fault<D::Error>> {
        let (plan, _) = self.best()?;
        let places = finer_inputs::values(&self.observation.graph, &plan)?;
        let Some(ranges) = self.ranges_of_all(&places)? else { return Ok(()) };
        let mut wide = self.best.clone();
        wide.ranges.extend(ranges);
        let (plan, calibration) = self.plan(&wide, &self.observation, &self.roles)?;
        let Some(finer) = finer_inputs::finer(&self.observation.graph, &plan)? else { return Ok(()) };
        let mut float = self.float.clone();
        float.extend(finer.float.into_iter().map(|node| (node, finer_inputs::REASON.to_owned())));
        let roles = Roles::keeping_float(&finer.graph, &float)?;
        let mut recipe = self.best.clone();
        for (value, of) in finer.values {
            let range = calibration.ranges.get(&of).map(|&range| (value, range));
            recipe.ranges.extend(range);
        }
        let other = Other { graph: finer.graph, roles, float, recipe };
        self.attempt_other("finer inputs", other, self.error * WORTH)
    }

    /// The ranges of these values in all examples, those that judge among them: a graph with finer inputs is made of them, and not made again
    /// when all is decided. `None` if there are no such values, or what their bytes leave out may overflow.
    fn ranges_of_all(&self, values: &[String]) -> Result<Option<BTreeMap<String, Range>>, Fault<D::Error>> {
        if values.is_empty() {
            return Ok(None);
        }
        let judging = self.observe(self.observation.graph.clone(), &self.roles, &self.split.judging)?.seen;
        let greatest = self.options.greatest_activation();
        let ranges = |method| -> Result<BTreeMap<String, Range>, Fault<D::Error>> {
            let mut one = self.observation.seen.calibration(method, greatest)?.ranges;
            let other = judging.calibration(method, greatest)?.ranges;
            one.retain(|value, _| values.contains(value));
            for (value, range) in &mut one {
                *range = other.get(value).map_or(*range, |&other| range.union(other));
            }
            Ok(one)
        };
        let overflows = |range: &Range| !(finer_inputs::FACTOR * (range.max - range.min)).is_finite();
        if ranges(CalibrationMethod::MinMax)?.values().any(overflows) {
            return Ok(None);
        }
        ranges(self.best.method).map(Some)
    }

    pub(super) fn widened(&mut self) -> Result<(), Fault<D::Error>> {
        let (plan, _) = self.best()?;
        let Observation { graph, seen } = &self.observation;
        let widened = copies::widened(graph, &plan, &seen.channels())?;
        self.attempt_graph_below("copies in more channels", widened, self.error * WORTH)
    }

    pub(super) fn equalize(&mut self) -> Result<(), Fault<D::Error>> {
        let Observation { graph, seen } = &self.observation;
        let equalized = equalize::equalized(graph, &self.roles, &seen.channels(), Which::Unbounded)?;
        self.attempt_graph("cross-layer equalization", equalized)
    }

    pub(super) fn equalize_one_by_one(&mut self) -> Result<(), Fault<D::Error>> {
        let Observation { graph, seen } = &self.observation;
        for value in equalize::candidates(graph, &self.roles, &seen.channels())? {
            let Observation { graph, seen } = &self.observation;
            let equalized = equalize::equalized(graph, &self.roles, &seen.channels(), Which::Of(&value))?;
            self.attempt_graph(&format!("equalized channels of {}", quoted(&value)), equalized)?;
        }
        Ok(())
    }

    pub(super) fn rounding(&mut self) -> Result<(), Fault<D::Error>> {
        let weights = self.rounded(&self.split.calibrating)?;
        self.attempt("weights rounded for their inputs", Recipe { bias: true, weights, ..self.best.clone() })
    }

    /// Observes all examples, those held out until now as well, and computes from them what was decided.
    pub(super) fn refit(&mut self, progress: &mut impl FnMut(Progress)) -> Result<(), Fault<D::Error>> {
        let all: Vec<usize> = (0..self.dataset.len()).collect();
        let taken = self.held([]).saturating_sub(self.observation.seen.bytes());
        let others = self.observation.add_others((self.dataset, self.split), (taken, &self.options.limits));
        others.or_else(|fault| self.note_skipped("observation of the examples that judged", fault))?;
        progress(Progress::Observed(all.len()));
        let shifts = std::mem::take(&mut self.best.shifts);
        let weights = std::mem::take(&mut self.best.weights);
        // What does not fit any more stays as it was decided.
        if !weights.is_empty() {
            let name = "weights rounded for the inputs of all examples";
            let found = self.rounded(&all);
            self.best.weights = found.or_else(|fault| self.note_skipped(name, fault).map(|()| weights))?;
        }
        if !shifts.is_empty() {
            let name = "bias correction of rounded activations of all examples";
            let found = self.shifted(&all);
            self.best.shifts = found.or_else(|fault| self.note_skipped(name, fault).map(|()| shifts))?;
        }
        Ok(())
    }

    pub(super) fn shifts(&mut self) -> Result<(), Fault<D::Error>> {
        let shifts = self.shifted(&self.split.calibrating)?;
        self.attempt(
            "bias correction of rounded activations",
            Recipe { bias: true, shifts, ..self.best.clone() },
        )
    }

    pub(super) fn shifted(&self, numbers: &[usize]) -> Result<BTreeMap<String, Vec<f64>>, Fault<D::Error>> {
        let (plan, _) = self.best()?;
        let limits = (self.held([]), &self.options.limits);
        shift::shifts(&self.observation.graph, &plan, (self.dataset, numbers), limits)
    }
}
