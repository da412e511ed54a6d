//! The times of a network's steps, and of two forms of a network value by value.

use std::time::{Duration, Instant};

use eightbit_graph::compare::compare_times;
use eightbit_graph::shapes::ShapeOptions;
use eightbit_graph::{Executor, Graph, StepTime, Tensor};

use crate::engine::{Settings, executor_options};
use crate::error::CliError;
use crate::fixing;

/// The least and most runs of one measurement.
const RUNS: [u128; 2] = [3, 1000];

/// A form of a network whose steps are measured.
pub(crate) struct Form<'g> {
    /// The model's name, for errors and output.
    pub(crate) name: String,
    graph: &'g Graph,
    executor: Executor,
    /// The steps, each with the least of the times measured.
    pub(crate) steps: Vec<StepTime>,
}

impl<'g> Form<'g> {
    /// Prepares `graph`, the model `name`.
    pub(crate) fn new(name: &str, graph: &'g Graph, settings: &Settings) -> Result<Self, CliError> {
        let options = executor_options(graph, settings.backend, settings.threads);
        let executor = Executor::new(graph, &options).map_err(|error| CliError::model(name, error))?;
        Ok(Self { name: name.to_owned(), graph, executor, steps: Vec::new() })
    }

    /// Measures on `example`, a tensor for each input of the network, within about the time `budget`. An input of this form takes the
    /// tensor of its name, or else that at its place.
    pub(crate) fn measure(&mut self, example: &[(&str, &Tensor)], budget: Duration) -> Result<(), CliError> {
        let Self { name, graph, executor, steps } = self;
        let mut inputs = Vec::with_capacity(example.len());
        for (input, at_its_place) in graph.inputs.iter().zip(example) {
            let named = example.iter().find(|(name, _)| *name == input.name);
            let tensor = named.unwrap_or(at_its_place).1;
            fixing::bind(&mut input.clone(), tensor)
                .map_err(|reason| CliError::Invalid(format!("{name}: {reason}")))?;
            inputs.push((input.name.as_str(), tensor));
        }
        let profile = |runs| executor.profile(&inputs, runs).map_err(|error| CliError::model(name, error));
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

    /// What some of the steps take.
    fn side(&self, time: Duration, steps: &[usize]) -> Side {
        let longest = steps.iter().filter_map(|&at| self.steps.get(at)).max_by_key(|step| step.time);
        Side { time, kernel: longest.map_or_else(String::new, |step| step.description.clone()) }
    }
}

/// What one form takes for a value.
pub(crate) struct Side {
    pub(crate) time: Duration,
    /// The kernel of its longest step.
    pub(crate) kernel: String,
}

/// What two forms take for a value that both compute.
pub(crate) struct ValueTimes {
    pub(crate) value: String,
    pub(crate) sides: [Side; 2],
}

/// The times of two forms that were measured, value by value, with the sizes of `shapes` for the first one's inputs.
pub(crate) fn by_value(forms: &[Form<'_>; 2], shapes: &ShapeOptions) -> Result<Vec<ValueTimes>, CliError> {
    let [first, second] = forms;
    let pairs = compare_times((first.graph, &first.steps), (second.graph, &second.steps), shapes);
    let pairs =
        pairs.map_err(|error| CliError::model(&format!("{} and {}", first.name, second.name), error))?;
    let times = pairs.into_iter().map(|pair| ValueTimes {
        sides: [first.side(pair.time, &pair.steps), second.side(pair.other_time, &pair.other_steps)],
        value: pair.value,
    });
    Ok(times.collect())
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
