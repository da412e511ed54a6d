//! The ranges of a graph's values on examples.

use eightbit_graph::quantize::OutputRanges;
use eightbit_graph::{Graph, Tensor};
use eightbit_tensorflow::transforms::Ranges;

use crate::args::TransformGraphArgs;
use crate::error::CliError;
use crate::examples::Examples;
use crate::fixing;
use crate::network::{ModelFile, Network, Outputs};
use crate::photo;
use crate::report;

/// The least and greatest element that each output of `graph` has on the examples that `args` name.
pub(crate) fn ranges(graph: Graph, args: &TransformGraphArgs) -> Result<Ranges, CliError> {
    let name = report::path(args.from.in_graph.as_ref());
    let graph = fixing::apply(graph, &name, &args.input.fix)?;
    if let Some(examples) = Examples::of_arguments(&args.calibrate, args.random, &graph.inputs)? {
        let inputs = graph.inputs.clone();
        let read = (0..examples.len()).map(|index| examples.read(index, &inputs));
        return observe(&name, graph, read);
    }
    let photos = photo::for_calibration(&args.calibrate)?;
    let file = ModelFile { name: name.clone(), path: args.from.in_graph.clone(), bytes: 0 };
    let network = Network::new(file, graph, &args.input, Outputs::All)?;
    let options = args.input.photo_options();
    let read = photos.iter().map(|photo| Ok(vec![network.tensor(&photo::read(photo, options)?)?]));
    observe(&name, network.graph.clone(), read)
}

fn observe(
    name: &str,
    graph: Graph,
    examples: impl ExactSizeIterator<Item = Result<Vec<Tensor>, CliError>>,
) -> Result<Ranges, CliError> {
    let of_model = |error| CliError::model(name, error);
    let inputs: Vec<String> = graph.inputs.iter().map(|input| input.name.clone()).collect();
    let mut ranges = OutputRanges::new(graph).map_err(of_model)?;
    let bar = report::progress(examples.len(), "calibrating");
    for example in examples {
        let example = example?;
        let named: Vec<(&str, &Tensor)> = inputs.iter().map(String::as_str).zip(&example).collect();
        ranges.observe(&named).map_err(of_model)?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(ranges.into_ranges())
}
