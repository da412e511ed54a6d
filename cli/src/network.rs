//! A network from a photo to scores.

use std::path::Path;

use eightbit_graph::ops::Operator;
use eightbit_graph::shapes::{ShapeOptions, infer_shapes};
use eightbit_graph::{DataType, Graph, Node, Tensor, TensorData, ValueInfo, escaped, passes, quoted};
use eightbit_vision::InputError;

use crate::args::InputArgs;
use crate::builtin;
use crate::error::CliError;
use crate::fixing;
use crate::layers;
use crate::model;
use crate::photo::{InputFormat, Photo};
use crate::report;

/// The file of a network.
#[derive(Clone)]
pub(crate) struct ModelFile {
    /// Its name, human-readable: escaped.
    pub(crate) name: String,
    /// Its name, unescaped, for programs.
    pub(crate) path: String,
    /// Its size.
    pub(crate) bytes: usize,
}

/// A graph with one input for a photo, and one output for scores or several.
pub(crate) struct Network {
    pub(crate) file: ModelFile,
    pub(crate) graph: Graph,
    /// The format of the input.
    pub(crate) format: InputFormat,
    /// The chosen input and outputs with the shapes of the file, before the input got the shape of one photo.
    declared: [Vec<ValueInfo>; 2],
}

/// The default outputs, without `--output-layer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outputs {
    /// The only output, which holds the scores.
    Scores,
    /// All outputs.
    All,
}

impl Network {
    /// Opens the file `path`, or the built-in network, with the input and outputs that `args` choose.
    pub(crate) fn open(path: Option<&Path>, args: &InputArgs, outputs: Outputs) -> Result<Self, CliError> {
        let Some(path) = path else {
            let graph = Graph::from_onnx_bytes(builtin::MODEL);
            let graph = graph.map_err(|error| CliError::model(builtin::MODEL_NAME, error))?;
            let graph = layers::cut(graph, builtin::MODEL_NAME, args.layers())?;
            let [name, path] = [builtin::MODEL_NAME; 2].map(str::to_owned);
            return Self::new(ModelFile { name, path, bytes: builtin::MODEL.len() }, graph, args, outputs);
        };
        let (file, graph) = Self::read(path, args)?;
        Self::new(file, graph, args, outputs)
    }

    /// Reads the part of the file `path` that `args` name, whatever its inputs are.
    pub(crate) fn read(path: &Path, args: &InputArgs) -> Result<(ModelFile, Graph), CliError> {
        let name = report::path(path);
        let graph = model::read(path, args.layers()).map_err(|error| CliError::model_file(&name, error))?;
        let graph = fixing::apply(graph, &name, &args.fix)?;
        let graph = layers::cut(graph, &name, args.layers())?;
        let metadata = std::fs::metadata(path).map_err(|source| CliError::read(path, source))?;
        let bytes = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
        let path = path.to_string_lossy().into_owned();
        Ok((ModelFile { name, path, bytes }, graph))
    }

    /// The network `graph` of the file `file`, with the input and outputs that `args` choose.
    pub(crate) fn new(
        file: ModelFile,
        mut graph: Graph,
        args: &InputArgs,
        outputs: Outputs,
    ) -> Result<Self, CliError> {
        let name = file.name.as_str();
        check_layers(&graph, name, outputs)?;
        let declared = [graph.inputs.clone(), graph.outputs.clone()];
        let wrong = |reason: String| CliError::Invalid(format!("{name}: {reason}"));
        let format = bind_input(&mut graph.inputs[0], args).map_err(wrong)?;
        let of_model = |error| CliError::model(name, error);
        let mut graph = passes::strip_unused_nodes(graph).map_err(of_model)?;
        check_numbers(&graph).map_err(wrong)?;
        // Find unsupported operators and wrong shapes before computing anything.
        let types = infer_shapes(&graph, &ShapeOptions::default()).map_err(of_model)?;
        for output in &mut graph.outputs {
            if let Some(found) = types.get(&output.name) {
                output.data_type = found.data_type;
                output.shape = found.shape.iter().copied().map(Some).collect();
            }
            if outputs == Outputs::Scores && output.data_type != DataType::F32 {
                let (output, found) = (quoted(&output.name), output.data_type);
                return Err(wrong(format!("output {output} is {found}: scores must be floats")));
            }
        }
        Ok(Self { file, graph, format, declared })
    }

    /// The file, the format of a photo, and the graph with the open dimensions of the file.
    pub(crate) fn into_parts(self) -> (ModelFile, InputFormat, Graph) {
        let [inputs, outputs] = self.declared;
        (self.file, self.format, Graph { inputs, outputs, ..self.graph })
    }

    /// The graph with the open dimensions of the file.
    pub(crate) fn open_graph(&self) -> Graph {
        let [inputs, outputs] = self.declared.clone();
        Graph { inputs, outputs, ..self.graph.clone() }
    }

    /// The number of scores in the first output.
    pub(crate) fn classes(&self) -> usize {
        let shape = self.graph.outputs.first().map_or(&[][..], |output| &output.shape);
        shape.iter().map(|dim| dim.unwrap_or(1)).product()
    }

    /// `photo` as the network's input.
    pub(crate) fn tensor(&self, photo: &Photo) -> Result<Tensor, CliError> {
        self.format.tensor(photo).map_err(|error| CliError::model(&self.file.name, error))
    }

    /// Whether the network computes in eight bits, at least in part.
    pub(crate) fn is_eight_bit(&self) -> bool {
        is_eight_bit(&self.graph)
    }
}

/// Whether a node of the graph computes in eight bits.
pub(crate) fn is_eight_bit(graph: &Graph) -> bool {
    graph.nodes.iter().filter_map(Node::operator).any(Operator::is_eight_bit)
}

/// The reason if a constant contains NaN, which would propagate to the outputs.
fn check_numbers(graph: &Graph) -> Result<(), String> {
    for (name, tensor) in &graph.constants {
        let TensorData::F32(values) = tensor.data() else { continue };
        if let Some(index) = values.iter().position(|value| value.is_nan()) {
            let reads = |node: &&Node| node.inputs.contains(name);
            let reader = graph.nodes.iter().find(reads);
            let reader = reader.map_or_else(String::new, |node| {
                format!(", which node {} ({}) reads", quoted(&node.name), escaped(node.op.as_str()))
            });
            let name = quoted(name);
            return Err(format!("constant {name}{reader}: element {index} is not a number (NaN)"));
        }
    }
    Ok(())
}

/// Checks that the graph has one input, and outputs that a command can use.
fn check_layers(graph: &Graph, file: &str, outputs: Outputs) -> Result<(), CliError> {
    let list = |values: &[ValueInfo]| report::names(values.iter().map(|value| value.name.as_str()));
    let several = |flag: &str, kind: &str, values: &[ValueInfo]| {
        CliError::Invalid(format!(
            "{file}: the network has {} {kind}s, one is needed: choose with {flag} among {}",
            values.len(),
            list(values)
        ))
    };
    if graph.inputs.len() != 1 {
        return Err(several("--input-layer", "input", &graph.inputs));
    }
    if graph.outputs.is_empty() || outputs == Outputs::Scores && graph.outputs.len() != 1 {
        return Err(several("--output-layer", "output", &graph.outputs));
    }
    Ok(())
}

/// Sets the input's shape to that of one photo; the reason if it does not accept one.
fn bind_input(input: &mut ValueInfo, args: &InputArgs) -> Result<InputFormat, String> {
    let format = InputFormat::of(input, &args.input_options()).map_err(|error| refusal(input, error))?;
    input.shape = format.shape().map(Some).to_vec();
    Ok(format)
}

/// The reason for which `input` takes no photo, in the words of the command line.
fn refusal(input: &ValueInfo, error: InputError) -> String {
    let name = quoted(&input.name);
    let dimension = |dim: &Option<usize>| dim.map_or_else(|| "?".to_owned(), |dim| dim.to_string());
    let shape = input.shape.iter().map(dimension).collect::<Vec<_>>().join("×");
    let fixed = |flag: &str, sides: usize| {
        format!("input {name} has the fixed shape {shape}: {flag} {sides} does not fit")
    };
    let reason = match error {
        InputError::Height(height) => return fixed("--input-height", height),
        InputError::Width(width) => return fixed("--input-width", width),
        InputError::OneChannel => {
            return format!("input {name} has one channel: give one number as --input-mean and --input-std");
        }
        InputError::NotFloat(_) => "does not take floats".to_owned(),
        InputError::Rank => "has another rank".to_owned(),
        InputError::NoChannels => "does not have 3 channels, unless --layout says where".to_owned(),
        InputError::OtherChannels => "does not have 3 channels in this order".to_owned(),
        InputError::Batch => "takes several photos at once".to_owned(),
        InputError::NoPixels => "has no pixels".to_owned(),
        other => format!("takes no photo: {other}"),
    };
    format!(
        "input {name} ({} of shape {shape}) {reason}: a photo is 1×3×height×width or 1×height×width×3 of f32, \
         or has 1 channel",
        input.data_type
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_the_input_and_the_flag() {
        let shape = [Some(1), Some(3), None, Some(224)].to_vec();
        let input = ValueInfo { name: "x".into(), data_type: DataType::F32, shape };
        let refused = |error| refusal(&input, error);
        let fixed = refused(InputError::Width(299));
        assert!(fixed.contains("input \"x\" has the fixed shape 1×3×?×224: --input-width 299"), "{fixed}");
        assert!(
            refused(InputError::OtherChannels)
                .contains("(f32 of shape 1×3×?×224) does not have 3 channels in this order")
        );
        assert!(refused(InputError::OneChannel).contains("one number"));
    }
}
