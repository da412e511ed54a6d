//! Measures whole networks.

use std::path::Path;

use eightbit_graph::{DataType, Executor, ExecutorOptions, Graph, Tensor, TensorData, ValueInfo};

use crate::bench::{Case, Setup, random};
use crate::error::CliError;
use crate::network::is_eight_bit;

/// The network in the ONNX file `path`, float or eight-bit, with noise for its inputs. Its rate is in runs per second.
pub(crate) fn case(setup: &Setup, path: &Path) -> Result<Case, CliError> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().replace(',', ";");
    let of_model = |error| CliError::model(&name, error);
    let graph = Graph::from_onnx_file(path).map_err(|error| match error {
        // It names the file already.
        eightbit_graph::Error::Io { .. } => CliError::Invalid(error.to_string()),
        error => of_model(error),
    })?;
    let mut options = ExecutorOptions::default();
    options.backend = Some(setup.backend);
    options.threads = setup.threads;
    let mut executor = Executor::new(&graph, &options).map_err(of_model)?;
    let inputs: Vec<(String, Tensor)> = executor
        .inputs()
        .iter()
        .map(|info| Ok((info.name.clone(), noise(info)?)))
        .collect::<Result<_, _>>()
        .map_err(of_model)?;
    let explanation = executor.explain();
    let mut run = move || {
        let inputs: Vec<(&str, &Tensor)> =
            inputs.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        executor.run(&inputs).map(drop)
    };
    // What can fail, fails at the first run: the ones that are measured are the same.
    run().map_err(of_model)?;
    Ok(Case {
        types: if is_eight_bit(&graph) { "int8" } else { "float" }.to_owned(),
        path: explanation,
        verdict: None,
        measure: Box::new(move |stopwatch| stopwatch.measure(RUN, || drop(run()))),
        shape: name,
    })
}

/// Operations that count as a run: a rate in Gop/s is one in runs per second.
const RUN: f64 = 1e9;

/// A tensor for an input: floats from −2 to 2, integers over the whole range of a byte.
fn noise(info: &ValueInfo) -> Result<Tensor, eightbit_graph::Error> {
    let shape: Vec<usize> = info.shape.iter().map(|dim| dim.unwrap_or(1)).collect();
    let mut tensor = Tensor::zeros(shape, info.data_type)?;
    let data: TensorData = match info.data_type {
        DataType::F32 => {
            random::<i8>(tensor.len()).into_iter().map(|x| f32::from(x) / 64.0).collect::<Vec<f32>>().into()
        }
        DataType::U8 => random::<u8>(tensor.len()).into(),
        DataType::I8 => random::<i8>(tensor.len()).into(),
        // Sizes, indices, flags: noise would not be valid.
        _ => return Ok(tensor),
    };
    tensor = Tensor::new(tensor.shape().to_vec(), data)?;
    Ok(tensor)
}
