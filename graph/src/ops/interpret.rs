//! A whole graph, node by node: the oracle of the executor.

use std::collections::{BTreeMap, HashMap};

use super::evaluate;
use crate::limits::bytes_of;
use crate::shapes::{ShapeOptions, TensorType, infer_shapes};
use crate::{Error, Graph, Limits, Tensor, quoted};

/// The outputs of `graph`, in its order, for the inputs given by name: every node by [`evaluate`], nothing fused,
/// nothing reordered. Slow; the [`Executor`](crate::Executor) is tested against it.
///
/// # Errors
///
/// An input that is missing or unknown, a graph that takes more than the default [`Limits`], and whatever a node runs into.
pub fn evaluate_graph(graph: &Graph, inputs: &[(&str, &Tensor)]) -> Result<Vec<Tensor>, Error> {
    super::check(graph)?;
    let order = graph.topological_order()?;
    let limits = Limits::default();
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
    let types = types(graph, &values)?;
    let last_reads = last_reads(graph, &order);
    let bytes = |tensor: &Tensor| bytes_of(&TensorType::of(tensor));
    let mut live: u64 = graph.constants.values().chain(values.values()).map(bytes).sum();
    for (time, index) in order.into_iter().enumerate() {
        let node = &graph.nodes[index];
        if node.outputs.iter().all(String::is_empty) {
            continue;
        }
        let read: Vec<Option<&Tensor>> = (0..node.inputs.len())
            .map(|index| node.input(index).and_then(|name| values.get(name).or(graph.constants.get(name))))
            .collect();
        let known: Option<Vec<&TensorType>> = node.outputs.iter().map(|name| types.get(name)).collect();
        let made = known.as_ref().map_or(0, |known| known.iter().map(|of| bytes_of(of)).sum::<u64>());
        limits.check_bytes(live.saturating_add(made), || {
            format!("the model up to node {}", quoted(&node.name))
        })?;
        let results = match known.filter(|_| made == 0) {
            // There is nothing to compute, however large the other dimensions are.
            Some(known) => known
                .into_iter()
                .map(|of| Tensor::zeros(of.shape.as_slice(), of.data_type))
                .collect::<Result<_, _>>()?,
            None => evaluate(node, &read)?,
        };
        for (index, tensor) in results.into_iter().enumerate() {
            if let Some(name) = node.output(index) {
                live += bytes(&tensor);
                values.insert(name, tensor);
            }
        }
        for name in node.inputs.iter().chain(&node.outputs) {
            if last_reads.get(name.as_str()).is_none_or(|&last| last <= time)
                && let Some(tensor) = values.remove(name.as_str())
            {
                live -= bytes(&tensor);
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

/// The types of all values for these inputs, as far as they follow from shapes alone; nothing if one does not.
fn types(graph: &Graph, inputs: &HashMap<&str, Tensor>) -> Result<BTreeMap<String, TensorType>, Error> {
    let shape = |(name, tensor): (&&str, &Tensor)| ((*name).to_owned(), tensor.shape().to_vec());
    let options = ShapeOptions { inputs: inputs.iter().map(shape).collect(), ..ShapeOptions::default() };
    match infer_shapes(graph, &options) {
        Ok(types) => Ok(types),
        Err(error @ Error::OverLimit { .. }) => Err(error),
        // The evaluation finds out, or runs what shapes alone do not decide.
        Err(_) => Ok(BTreeMap::new()),
    }
}

/// When each value is read for the last time, counted in nodes of `order`; the graph's outputs at the end.
fn last_reads<'g>(graph: &'g Graph, order: &[usize]) -> HashMap<&'g str, usize> {
    let mut last = HashMap::new();
    for (time, &index) in order.iter().enumerate() {
        last.extend(graph.nodes[index].inputs.iter().map(|name| (name.as_str(), time)));
    }
    last.extend(graph.outputs.iter().map(|output| (output.name.as_str(), usize::MAX)));
    last
}
