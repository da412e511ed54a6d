//! The times of a network's steps.

use std::time::{Duration, Instant};

use eightbit_graph::{Executor, Graph, StepTime, Tensor};

use crate::engine::{Settings, executor_options};
use crate::error::CliError;

/// The least and most runs of one measurement.
const RUNS: [u128; 2] = [3, 1000];

/// A network whose steps are measured on one example.
pub(crate) struct Profiled {
    executor: Executor,
    /// The model's name, for errors.
    name: String,
    /// The steps, each with the least of the times measured.
    pub(crate) steps: Vec<StepTime>,
}

impl Profiled {
    /// Prepares `graph`, the model `name`.
    pub(crate) fn new(name: &str, graph: &Graph, settings: &Settings) -> Result<Self, CliError> {
        let options = executor_options(graph, settings.backend, settings.threads);
        let executor = Executor::new(graph, &options).map_err(|error| CliError::model(name, error))?;
        Ok(Self { executor, name: name.to_owned(), steps: Vec::new() })
    }

    /// Measures within about the time `budget`.
    pub(crate) fn measure(&mut self, inputs: &[(&str, &Tensor)], budget: Duration) -> Result<(), CliError> {
        let Self { executor, name, steps } = self;
        let mut profile = |runs| executor.profile(inputs, runs).map_err(|error| CliError::model(name, error));
        if steps.is_empty() {
            // Makes the plan, and warms the caches.
            profile(1)?;
        }
        let start = Instant::now();
        profile(1)?;
        let runs = (budget.as_nanos() / start.elapsed().as_nanos().max(1)).clamp(RUNS[0], RUNS[1]);
        let found = profile(usize::try_from(runs).unwrap_or(1))?;
        if steps.len() != found.len() {
            *steps = found;
            return Ok(());
        }
        for (step, found) in steps.iter_mut().zip(found) {
            step.time = step.time.min(found.time);
        }
        Ok(())
    }

    /// The time of all steps.
    pub(crate) fn total(&self) -> Duration {
        self.steps.iter().map(|step| step.time).sum()
    }
}
