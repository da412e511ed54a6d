//! Measures whole networks.

use std::path::Path;
use std::time::{Duration, Instant};

use eightbit_graph::{DataType, Executor, StepTime, Tensor, TensorData, ValueInfo};

use crate::args::FixArgs;
use crate::bench::case::Case;
use crate::bench::random;
use crate::bench::setup::Setup;
use crate::engine::executor_options;
use crate::error::CliError;
use crate::fixing;
use crate::layers::Layers;
use crate::network::is_eight_bit;
use crate::report;

/// A network with random inputs.
pub(crate) struct Model {
    /// The file's name.
    pub(crate) name: String,
    types: &'static str,
    executor: Executor,
    inputs: Vec<(String, Tensor)>,
}

impl Model {
    /// Loads the network `path`, float or eight-bit, with what `fix` says of its inputs, and runs the network once.
    pub(crate) fn open(setup: &Setup, path: &Path, fix: &FixArgs) -> Result<Self, CliError> {
        let name = report::path(path.file_name().unwrap_or(path.as_os_str()).as_ref()).replace(',', ";");
        let of_model = |error| CliError::model(&name, error);
        let graph = crate::model::read(path, Layers::default())
            .map_err(|error| CliError::model_file(&name, error))?;
        let graph = fixing::apply(graph, &name, fix)?;
        let options = executor_options(&graph, setup.backend, setup.threads);
        let executor = Executor::new(&graph, &options).map_err(of_model)?;
        let inputs: Vec<(String, Tensor)> = executor
            .inputs()
            .iter()
            .map(|info| Ok((info.name.clone(), noise(info)?)))
            .collect::<Result<_, _>>()
            .map_err(of_model)?;
        let types = if is_eight_bit(&graph) { "int8" } else { "float" };
        let mut model = Self { name, types, executor, inputs };
        // Errors occur at the first run; the measured runs are identical.
        model.run().map_err(|error| CliError::model(&model.name, error))?;
        Ok(model)
    }

    fn run(&mut self) -> Result<(), eightbit_graph::Error> {
        self.executor.run(&named(&self.inputs)).map(drop)
    }

    /// Measures whole runs. The rate is in runs per second.
    pub(crate) fn case(mut self) -> Case {
        let (path, types) = (self.executor.explain(), self.types.to_owned());
        Case::of(self.name.clone(), types, path, None, move |stopwatch| {
            stopwatch.measure(RUN, || drop(self.run()))
        })
    }

    /// Measures each step, within about the time budget.
    pub(crate) fn steps(&mut self, budget: Duration) -> Result<Vec<StepTime>, CliError> {
        let Self { name, executor, inputs, .. } = self;
        let inputs = named(inputs);
        let start = Instant::now();
        let profile = |runs| executor.profile(&inputs, runs).map_err(|error| CliError::model(name, error));
        profile(1)?;
        let runs = budget.as_nanos() / start.elapsed().as_nanos().max(1);
        profile(runs.clamp(5, 10_000) as usize)
    }
}

fn named(inputs: &[(String, Tensor)]) -> Vec<(&str, &Tensor)> {
    inputs.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect()
}

/// Operations per run, chosen so that a rate in Gop/s is one in runs per second.
const RUN: f64 = 1e9;

/// A tensor for an input: floats from −2 to 2, integers over the whole range of a byte.
fn noise(info: &ValueInfo) -> Result<Tensor, eightbit_graph::Error> {
    let open = |axis| eightbit_graph::Error::UnknownDimension { value: info.name.clone(), axis };
    let shape = info.shape.iter().enumerate().map(|(axis, dim)| dim.ok_or_else(|| open(axis)));
    let shape = shape.collect::<Result<Vec<usize>, _>>()?;
    let mut tensor = Tensor::zeros(shape, info.data_type)?;
    let data: TensorData = match info.data_type {
        DataType::F32 => random::elements::<i8>(tensor.len())
            .into_iter()
            .map(|x| f32::from(x) / 64.0)
            .collect::<Vec<f32>>()
            .into(),
        DataType::U8 => random::elements::<u8>(tensor.len()).into(),
        DataType::I8 => random::elements::<i8>(tensor.len()).into(),
        // Sizes, indices, flags: random values would be invalid.
        _ => return Ok(tensor),
    };
    tensor = Tensor::new(tensor.shape().to_vec(), data)?;
    Ok(tensor)
}
