//! A whole graph, node by node: the oracle of the executor.

use std::collections::HashMap;

use super::evaluate;
use crate::{Error, Graph, Tensor};

/// The outputs of `graph`, in its order, for the inputs given by name: every node by [`evaluate`], nothing fused,
/// nothing reordered. Slow; the [`Executor`](crate::Executor) is tested against it.
///
/// # Errors
///
/// An input that is missing or unknown, and whatever a node runs into.
pub fn evaluate_graph(graph: &Graph, inputs: &[(&str, &Tensor)]) -> Result<Vec<Tensor>, Error> {
    super::check(graph)?;
    let order = graph.topological_order()?;
    for (name, _) in inputs {
        if graph.input_info(name).is_none() {
            return Err(Error::value(*name, "is not an input of the graph"));
        }
    }
    let mut values: HashMap<&str, Tensor> = HashMap::new();
    for input in &graph.inputs {
        let given = inputs.iter().find(|(name, _)| *name == input.name);
        let (_, tensor) = given.ok_or_else(|| Error::value(&input.name, "is an input that was not given"))?;
        if tensor.data_type() != input.data_type {
            return Err(Error::value(
                &input.name,
                format!("must hold {}, holds {}", input.data_type, tensor.data_type()),
            ));
        }
        values.insert(&input.name, (*tensor).clone());
    }
    for index in order {
        let node = &graph.nodes[index];
        let read: Vec<Option<&Tensor>> = (0..node.inputs.len())
            .map(|index| node.input(index).and_then(|name| values.get(name).or(graph.constants.get(name))))
            .collect();
        let results = evaluate(node, &read)?;
        for (index, tensor) in results.into_iter().enumerate() {
            if let Some(name) = node.output(index) {
                values.insert(name, tensor);
            }
        }
    }
    let output = |name: &str| values.get(name).or(graph.constants.get(name)).cloned();
    graph
        .outputs
        .iter()
        .map(|info| output(&info.name).ok_or_else(|| Error::value(&info.name, "was not computed")))
        .collect()
}
