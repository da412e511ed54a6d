//! Runs transforms one after another.

use eightbit_graph::Graph;

use super::context::Context;
use super::shared::graph::check_inputs;
use super::shared::ranges::Ranges;
use super::{TRANSFORMS, Transform, TransformError, quantize_nodes};
use crate::evaluate::{MAX_REPEATED, element_count, sizes};
use crate::grammar::Call;
use crate::node;
use crate::proto::{GraphDef, Value};

/// What happened beside the transformation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Warnings, and errors that `ignore_errors` turned into them.
    pub warnings: Vec<String>,
}

/// Applies transforms to a graph. `inputs` and `outputs` are names as TensorFlow's tools take them: `node` or `node:1`.
///
/// # Errors
///
/// The first error of a transform whose parameter `ignore_errors` is not `true`, or of a name that is no transform.
pub fn transform(
    graph: GraphDef,
    inputs: &[String],
    outputs: &[String],
    calls: &[Call],
) -> Result<(GraphDef, Report), TransformError> {
    run(graph, inputs, outputs, calls, None)
}

/// Runs a graph on examples and returns the ranges of its outputs.
pub type Observe<'a> = dyn FnMut(Graph) -> Result<Ranges, TransformError> + 'a;

/// As [`transform`], with ranges from examples in `quantize_nodes`: what each run would measure becomes constant, zero is a code
/// of each range, that of weights among them, and a bias is added to 32-bit sums.
///
/// # Errors
///
/// As [`transform`]; the errors of `observe`, and operators that the import does not know, as the float graph must run.
pub fn transform_calibrated(
    graph: GraphDef,
    inputs: &[String],
    outputs: &[String],
    calls: &[Call],
    observe: &mut Observe<'_>,
) -> Result<(GraphDef, Report), TransformError> {
    run(graph, inputs, outputs, calls, Some(observe))
}

fn run(
    mut graph: GraphDef,
    inputs: &[String],
    outputs: &[String],
    calls: &[Call],
    mut observe: Option<&mut Observe<'_>>,
) -> Result<(GraphDef, Report), TransformError> {
    if calls.is_empty() {
        return Err(TransformError::Empty);
    }
    let mut context = Context {
        inputs: inputs.to_vec(),
        outputs: outputs.to_vec(),
        is_calibrated: observe.is_some(),
        ..Context::default()
    };
    for call in calls {
        check_repeated(&graph)?;
        let transform = Transform::find(&call.name).ok_or_else(|| unknown(&call.name))?;
        context.parameters.clone_from(&call.parameters);
        // An error of the calibration is one of the transform.
        let ranges = match observe.as_deref_mut() {
            Some(observe) if transform.name == "quantize_nodes" => {
                quantize_nodes::observe(&graph, &context, observe).map(Some)
            }
            _ => Ok(None),
        };
        let library = graph.library.take().unwrap_or_default();
        // Tensors are shared, not copied.
        let original = ignores_errors(&context)?.then(|| graph.node.clone());
        let run = |nodes| {
            context.ranges = ranges?;
            (transform.run)(nodes, &mut context)
        };
        graph = match (run(graph.node), original) {
            // As in the tool, where this one alone adds to the graph that it gets.
            (Ok(node), _) if call.name == "add_default_attributes" => {
                GraphDef { node, versions: graph.versions, ..GraphDef::default() }
            }
            (Ok(node), _) => GraphDef { node, ..GraphDef::default() },
            (Err(error), Some(node)) => {
                context.warnings.push(format!("{}: Ignoring error {error}", call.name));
                GraphDef { node, versions: graph.versions, ..GraphDef::default() }
            }
            (Err(error), None) => return Err(error),
        };
        graph.library = Some(library);
        check_inputs(&graph.node)?;
    }
    Ok((graph, Report { warnings: context.warnings }))
}

/// Checks that the constants repeat elements, which takes no space in a file, to no more than memory can hold.
fn check_repeated(graph: &GraphDef) -> Result<(), TransformError> {
    let counts = graph.node.iter().filter_map(|node| match node::value(node, "value") {
        Some(Value::Tensor(tensor)) if tensor.tensor_content.is_empty() => {
            element_count(&sizes(tensor.tensor_shape.as_ref()?)?)
        }
        _ => None,
    });
    match counts.fold(0usize, usize::saturating_add) {
        0..=MAX_REPEATED => Ok(()),
        count => Err(TransformError::Invalid(format!(
            "The graph's constants repeat elements to {count}: at most {MAX_REPEATED}"
        ))),
    }
}

fn unknown(name: &str) -> TransformError {
    let known: Vec<_> = TRANSFORMS.iter().map(|transform| transform.name).collect();
    TransformError::Unknown { name: name.to_owned(), known: known.join(", ") }
}

fn ignores_errors(context: &Context) -> Result<bool, TransformError> {
    let Some(value) = context.all("ignore_errors").first() else { return Ok(false) };
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        other => {
            Err(TransformError::Invalid(format!("ignore_errors should be true or false, found {other}")))
        }
    }
}
