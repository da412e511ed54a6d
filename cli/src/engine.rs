//! Runs a network: one photo in, scores out.

use std::time::{Duration, Instant};

use eightbit::Backend;
use eightbit_graph::{Executor, ExecutorOptions, Graph, Limits, Tensor};

use crate::error::{CliError, with_printable_name};

/// The backend and threads that run networks.
pub(crate) struct Settings {
    pub(crate) backend: Backend,
    pub(crate) threads: usize,
}

impl Settings {
    /// `threads` threads with the named backend, else the one that `EIGHTBIT_BACKEND` names, else the best.
    pub(crate) fn new(threads: u16, backend: Option<&str>) -> Result<Self, CliError> {
        let threads = usize::from(threads);
        let backend = match backend {
            Some(name) => by_name(name)?,
            None => Backend::best()?,
        };
        start_threads(threads)?;
        Ok(Self { backend, threads })
    }

    /// A human-readable description.
    pub(crate) fn describe(&self) -> String {
        let threads = crate::report::count(self.threads, "thread");
        format!("backend {}, {threads}", self.backend)
    }
}

/// The backend that `--backend` names.
pub(crate) fn by_name(name: &str) -> Result<Backend, CliError> {
    Backend::by_name(name)
        .map_err(|error| CliError::Usage(format!("--backend: {}", with_printable_name(error))))
}

#[cfg(feature = "rayon")]
fn start_threads(threads: usize) -> Result<(), CliError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
    pool.build_global().map_err(|error| CliError::Invalid(format!("cannot start {threads} threads: {error}")))
}

#[cfg(not(feature = "rayon"))]
fn start_threads(threads: usize) -> Result<(), CliError> {
    match threads {
        1 => Ok(()),
        _ => Err(CliError::Usage("--threads: this program was built without the feature rayon".to_owned())),
    }
}

/// Repetitions of a timed run: the first ones warm the caches.
const WARM_UP: usize = 2;
const REPETITIONS: usize = 15;
/// Time budget of the repetitions.
const ENOUGH: Duration = Duration::from_millis(600);

/// How `graph` runs.
pub(crate) fn executor_options(graph: &Graph, backend: Backend, threads: usize) -> ExecutorOptions {
    let mut options = ExecutorOptions::default();
    options.backend = Some(backend);
    options.threads = threads;
    options.shapes.limits = Limits::for_model(graph);
    options
}

/// A network, ready to run.
pub(crate) struct Engine {
    executor: Executor,
    name: String,
    input: String,
}

impl Engine {
    /// Prepares `graph`, which has one input and one output; `name` is for errors.
    pub(crate) fn new(name: &str, graph: &Graph, settings: &Settings) -> Result<Self, CliError> {
        let options = executor_options(graph, settings.backend, settings.threads);
        let executor = Executor::new(graph, &options).map_err(|error| CliError::model(name, error))?;
        let input = graph.inputs.first().map_or_else(String::new, |input| input.name.clone());
        Ok(Self { executor, name: name.to_owned(), input })
    }

    /// The output for `input`.
    pub(crate) fn run(&mut self, input: &Tensor) -> Result<Vec<f32>, CliError> {
        let outputs = self.executor.run(&[(&self.input, input)]);
        let output = outputs.and_then(|outputs| match outputs.into_iter().next() {
            Some(output) => output.into_values::<f32>(),
            None => Ok(Vec::new()),
        });
        output.map_err(|error| CliError::model(&self.name, error))
    }

    /// The output for `input`, and the median of the milliseconds that it takes.
    pub(crate) fn time(&mut self, input: &Tensor) -> Result<(Vec<f32>, f64), CliError> {
        let begin = Instant::now();
        let mut output = self.run(input)?;
        let mut times = Vec::new();
        for turn in 1..WARM_UP + REPETITIONS {
            let start = Instant::now();
            output = self.run(input)?;
            if turn >= WARM_UP {
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
            if begin.elapsed() > ENOUGH && !times.is_empty() {
                break;
            }
        }
        times.sort_by(f64::total_cmp);
        Ok((output, times.get(times.len() / 2).copied().unwrap_or(0.0)))
    }
}
