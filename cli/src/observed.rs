//! The ranges of a graph's values on examples.

use eightbit_graph::quantize::Range;
use eightbit_graph::{Executor, ExecutorOptions, Graph, Tensor};
use eightbit_tensorflow::transforms::Ranges;

use crate::args::TransformGraphArgs;
use crate::error::CliError;
use crate::examples::Examples;
use crate::fixing;
use crate::network::{ModelFile, Network, Outputs};
use crate::photo::{self, Photo};
use crate::report;

/// The least and greatest element that each output of `graph` has on the examples that `args` name.
pub(crate) fn ranges(graph: Graph, args: &TransformGraphArgs) -> Result<Ranges, CliError> {
    let name = report::path(args.from.in_graph.as_ref());
    let graph = fixing::apply(graph, &name, &args.input.fix)?;
    if let Some(examples) = Examples::of_arguments(&args.calibrate, args.random, &graph.inputs)? {
        let read = (0..examples.len()).map(|index| examples.read(index, &graph.inputs));
        return observe(&name, &graph, read);
    }
    let photos = photo::for_calibration(&args.calibrate)?;
    let file = ModelFile { name: name.clone(), path: args.from.in_graph.clone(), bytes: 0 };
    let network = Network::new(file, graph, &args.input, Outputs::All)?;
    let options = args.input.photo_options();
    let read = photos.iter().map(|photo| Ok(vec![network.tensor(&Photo::read(photo, options)?)?]));
    observe(&name, &network.graph, read)
}

fn observe(
    name: &str,
    graph: &Graph,
    examples: impl ExactSizeIterator<Item = Result<Vec<Tensor>, CliError>>,
) -> Result<Ranges, CliError> {
    let of_model = |error| CliError::model(name, error);
    let mut executor = Executor::new(graph, &ExecutorOptions::default()).map_err(of_model)?;
    let inputs: Vec<&str> = graph.inputs.iter().map(|input| input.name.as_str()).collect();
    let mut ranges = Ranges::new();
    let bar = report::progress(examples.len(), "calibrating");
    for example in examples {
        let example = example?;
        let named: Vec<(&str, &Tensor)> = inputs.iter().copied().zip(&example).collect();
        let values = executor.run(&named).map_err(of_model)?;
        for (output, value) in graph.outputs.iter().zip(&values) {
            let Range { min, max } =
                value.as_f32().and_then(|values| Range::of(&output.name, values)).map_err(of_model)?;
            let range = ranges.entry(output.name.clone()).or_insert(Range { min, max });
            *range = Range { min: range.min.min(min), max: range.max.max(max) };
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(ranges)
}
