//! What is tried, each aid beside the best of those before it.

use std::collections::BTreeMap;

use super::{Observation, Recipe, Search};
use crate::quantize::aids::equalize::{self, Which};
use crate::quantize::aids::{copies, finer_inputs, rounding, shift, silent};
use crate::quantize::{CalibrationMethod, Dataset, Granularity, Progress, QuantizedWeights, Roles};
use crate::quoted;

/// The part of the error that an aid that takes time may leave.
const WORTH: f64 = 0.95;

impl<D: Dataset + ?Sized> Search<'_, D> {
    /// Scales of one channel alone do not suffer from the weights of others.
    pub(super) fn silent(&mut self) -> Result<(), D::Error> {
        if self.options.granularity == Granularity::PerChannel {
            return Ok(());
        }
        let (plan, _) = self.best()?;
        let Observation { graph, calibrator } = &self.observation;
        let silenced = silent::silenced(graph, &plan, &calibrator.channels())?;
        self.attempt_graph("smaller weights of silent channels", silenced)
    }

    pub(super) fn bias(&mut self) -> Result<(), D::Error> {
        self.attempt("bias correction", Recipe { bias: true, ..self.best.clone() })
    }

    pub(super) fn copies(&mut self) -> Result<(), D::Error> {
        let (plan, _) = self.best()?;
        let Observation { graph, calibrator } = &self.observation;
        let copied = copies::copied(graph, &plan, &calibrator.channels())?;
        self.attempt_graph("copies in dead channels", copied)
    }

    pub(super) fn methods(&mut self) -> Result<(), D::Error> {
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
    pub(super) fn finer_inputs(&mut self) -> Result<(), D::Error> {
        let (plan, calibration) = self.best()?;
        let Some(finer) = finer_inputs::finer(&self.observation.graph, &plan)? else { return Ok(()) };
        let mut float = self.float.clone();
        float.extend(finer.float.into_iter().map(|node| (node, finer_inputs::REASON.to_owned())));
        let roles = Roles::keeping_float(&finer.graph, &float)?;
        let mut recipe = self.best.clone();
        for (value, coarse) in finer.values {
            if let Some(&range) = calibration.ranges.get(&coarse) {
                recipe.ranges.extend([(value, range), (coarse, range)]);
            }
        }
        let observation = self.observe(finer.graph, &roles, &self.split.calibrating)?;
        let (plan, _) = self.plan(&recipe, &observation, &roles)?;
        let error = self.error_of(&observation, &plan)?;
        if self.note_below("finer inputs", error, self.error * WORTH) {
            (self.observation, self.roles, self.best, self.float) = (observation, roles, recipe, float);
        }
        Ok(())
    }

    pub(super) fn equalize(&mut self) -> Result<(), D::Error> {
        let Observation { graph, calibrator } = &self.observation;
        let equalized = equalize::equalized(graph, &self.roles, &calibrator.channels(), Which::Unbounded)?;
        self.attempt_graph("cross-layer equalization", equalized)
    }

    pub(super) fn equalize_one_by_one(&mut self) -> Result<(), D::Error> {
        let Observation { graph, calibrator } = &self.observation;
        for value in equalize::candidates(graph, &self.roles, &calibrator.channels())? {
            let Observation { graph, calibrator } = &self.observation;
            let equalized =
                equalize::equalized(graph, &self.roles, &calibrator.channels(), Which::Of(&value))?;
            self.attempt_graph(&format!("equalized channels of {}", quoted(&value)), equalized)?;
        }
        Ok(())
    }

    pub(super) fn rounding(&mut self) -> Result<(), D::Error> {
        let weights = self.rounded(&self.split.calibrating)?;
        self.attempt("weights rounded for their inputs", Recipe { bias: true, weights, ..self.best.clone() })
    }

    /// The weights rounded for the examples of these numbers, beside the best of the rest.
    pub(super) fn rounded(&self, numbers: &[usize]) -> Result<BTreeMap<String, QuantizedWeights>, D::Error> {
        let (plan, _) = self.best()?;
        let limits = (self.held([]), &self.options.limits);
        rounding::rounded(&self.observation.graph, &plan, (self.dataset, numbers), limits)
    }

    /// Observes all examples, those held out until now as well, and computes from them what was decided.
    pub(super) fn refit(&mut self, progress: &mut impl FnMut(Progress)) -> Result<(), D::Error> {
        let all: Vec<usize> = (0..self.dataset.len()).collect();
        self.observation.observe_others(self.dataset, self.split)?;
        progress(Progress::Observed(all.len()));
        let has_shifts = !std::mem::take(&mut self.best.shifts).is_empty();
        if !std::mem::take(&mut self.best.weights).is_empty() {
            self.best.weights = self.rounded(&all)?;
        }
        if has_shifts {
            self.best.shifts = self.shifted(&all)?;
        }
        Ok(())
    }

    pub(super) fn shifts(&mut self) -> Result<(), D::Error> {
        let shifts = self.shifted(&self.split.calibrating)?;
        self.attempt(
            "bias correction of rounded activations",
            Recipe { bias: true, shifts, ..self.best.clone() },
        )
    }

    pub(super) fn shifted(&self, numbers: &[usize]) -> Result<BTreeMap<String, Vec<f64>>, D::Error> {
        let (plan, _) = self.best()?;
        let limits = (self.held([]), &self.options.limits);
        shift::shifts(&self.observation.graph, &plan, (self.dataset, numbers), limits)
    }
}
