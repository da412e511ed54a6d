//! Infers what can be inferred of a graph, and collects why the rest cannot be.

use std::collections::{BTreeMap, HashSet};

use super::{ShapeOptions, input_shape, known_values, output_types};
use crate::ops::missing;
use crate::ops::shared::inputs::Inputs;
use crate::tensor::TensorType;
use crate::{Error, Graph, Node, Tensor, quoted};

/// What is known of a graph before it runs.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct PartialShapes {
    /// The types of values by name: inputs, constants and the outputs of nodes.
    pub types: BTreeMap<String, TensorType>,
    /// What stops the model: operators that are not implemented, open dimensions, nodes that do not fit. Nodes that depend on
    /// such a node have no errors of their own.
    pub errors: Vec<Error>,
    /// Small values that nodes compute from constants and shapes.
    pub(crate) computed: BTreeMap<String, Tensor>,
}

impl PartialShapes {
    /// The elements of `name`, if they are known before the graph runs.
    pub(crate) fn value<'a>(&'a self, graph: &'a Graph, name: &str) -> Option<&'a Tensor> {
        graph.constants.get(name).or_else(|| self.computed.get(name))
    }
}

/// As [`infer_shapes`](super::infer_shapes), but a fault in a part of the graph does not hide the rest of it.
///
/// # Errors
///
/// Every error of [`Graph::topological_order`].
pub fn infer_partial_shapes(graph: &Graph, options: &ShapeOptions) -> Result<PartialShapes, Error> {
    let mut known = PartialShapes { errors: missing::errors(graph), ..PartialShapes::default() };
    // Values without a type. An output that its operator does not have is not one of them: who reads it is at fault.
    let mut unknown: HashSet<&str> = HashSet::new();
    for input in &graph.inputs {
        let shape = input_shape(input, options).and_then(|shape| {
            options.limits.check_elements(&shape, || format!("value {}", quoted(&input.name)))?;
            Ok(shape)
        });
        match shape {
            Ok(shape) => {
                known.types.insert(input.name.clone(), TensorType::new(input.data_type, shape));
            }
            Err(error) => {
                unknown.insert(&input.name);
                known.errors.push(error);
            }
        }
    }
    for (name, tensor) in &graph.constants {
        match options.limits.check_elements(tensor.shape(), || format!("constant {}", quoted(name))) {
            Ok(()) => {
                known.types.insert(name.clone(), TensorType::of(tensor));
            }
            Err(error) => {
                unknown.insert(name);
                known.errors.push(error);
            }
        }
    }
    for index in graph.topological_order()? {
        let node = &graph.nodes[index];
        let reads_unknown = node.inputs.iter().any(|name| unknown.contains(name.as_str()));
        let failed = if reads_unknown || node.operator().is_none() {
            true
        } else if let Err(error) = add_node(graph, node, options, &mut known) {
            known.errors.push(error);
            true
        } else {
            false
        };
        if failed {
            unknown.extend(node.outputs.iter().map(String::as_str).filter(|name| !name.is_empty()));
        }
    }
    Ok(known)
}

/// Adds the outputs of `node`, whose inputs are known.
fn add_node(
    graph: &Graph,
    node: &Node,
    options: &ShapeOptions,
    known: &mut PartialShapes,
) -> Result<(), Error> {
    let inputs = Inputs::new(node, |name| known.types.get(name), |name| known.value(graph, name))?;
    let outputs = output_types(&inputs)?;
    for output in &outputs {
        // Even without a name: the operator computes it.
        let what = || format!("an output of node {}", quoted(&node.name));
        options.limits.check_elements(&output.shape, what)?;
    }
    let values = known_values(&inputs, &outputs)?;
    for (index, output) in outputs.into_iter().enumerate() {
        if let Some(name) = node.output(index) {
            known.types.insert(name.to_owned(), output);
        }
    }
    for (index, value) in values.into_iter().flatten().enumerate() {
        if let Some(name) = node.output(index) {
            known.computed.insert(name.to_owned(), value);
        }
    }
    Ok(())
}
