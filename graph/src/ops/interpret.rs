//! Evaluates a whole graph, node by node: the oracle of the executor.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::evaluate::evaluate;
use super::missing;
use crate::limits::bytes_of;
use crate::shapes::{ShapeOptions, TensorType, check_outputs, infer_shapes};
use crate::{Error, Graph, Limits, Node, Tensor, quoted};

/// The outputs of `graph`, in its order, for inputs passed by name. Every node runs by [`evaluate`]; nothing is fused or
/// reordered. Slow; the [`Executor`](crate::Executor) is tested against it.
///
/// # Errors
///
/// An input that is missing or unknown, a graph that exceeds the default [`Limits`], and the error of any node.
pub fn evaluate_graph(graph: &Graph, inputs: &[(&str, &Tensor)]) -> Result<Vec<Tensor>, Error> {
    evaluate_within(graph, inputs, &Limits::default(), |_| Ok(()))
}

/// As [`evaluate_graph`], within other limits; calls `after` with the index of each node when it ends, whose error ends the
/// evaluation.
pub(crate) fn evaluate_within(
    graph: &Graph,
    inputs: &[(&str, &Tensor)],
    limits: &Limits,
    mut after: impl FnMut(usize) -> Result<(), Error>,
) -> Result<Vec<Tensor>, Error> {
    missing::check(graph)?;
    let order = graph.topological_order()?;
    let declared = graph.input_names();
    if let Some((name, _)) = inputs.iter().find(|(name, _)| !declared.contains(name)) {
        return Err(Error::value(*name, "is not an input of the graph"));
    }
    // Of several with one name the first counts.
    let given: HashMap<&str, &Tensor> = inputs.iter().rev().copied().collect();
    let mut values: HashMap<&str, Tensor> = HashMap::new();
    for input in &graph.inputs {
        let tensor = given
            .get(input.name.as_str())
            .ok_or_else(|| Error::value(&input.name, "is an input, but the call does not pass it"))?;
        if tensor.data_type() != input.data_type {
            return Err(Error::value(
                &input.name,
                format!("must hold {}, holds {}", input.data_type, tensor.data_type()),
            ));
        }
        values.insert(&input.name, (*tensor).clone());
    }
    let types = types(graph, &values, limits)?;
    let mut live = Live::new(graph, &order, &values, limits);
    if !types.is_empty() {
        // Checked before anything is computed.
        live.clone().rehearse(graph, &order, &types)?;
    }
    for (time, index) in order.into_iter().enumerate() {
        let node = &graph.nodes[index];
        if node.outputs.iter().all(String::is_empty) {
            continue;
        }
        let read: Vec<Option<&Tensor>> = (0..node.inputs.len())
            .map(|index| node.input(index).and_then(|name| values.get(name).or(graph.constants.get(name))))
            .collect();
        let results = match without_elements(node, &types) {
            Some(results) => results?,
            None => evaluate(node, &read)?,
        };
        for (index, tensor) in results.into_iter().enumerate() {
            if let Some(name) = node.output(index) {
                live.add(name, bytes_of(&TensorType::of(&tensor)), node)?;
                values.insert(name, tensor);
            }
        }
        live.drop_after(node, time, |name| drop(values.remove(name)));
        after(index)?;
    }
    let found = |name: &str| values.get(name).or(graph.constants.get(name));
    check_outputs(graph, |name| found(name).map(|tensor| Cow::Owned(TensorType::of(tensor))))?;
    let output = |name: &str| found(name).cloned();
    graph
        .outputs
        .iter()
        .map(|info| output(&info.name).ok_or_else(|| Error::value(&info.name, "was not computed")))
        .collect()
}

/// The types of all values for these inputs if they follow from shapes alone; otherwise empty.
fn types(
    graph: &Graph,
    inputs: &HashMap<&str, Tensor>,
    limits: &Limits,
) -> Result<BTreeMap<String, TensorType>, Error> {
    let shape = |(name, tensor): (&&str, &Tensor)| ((*name).to_owned(), tensor.shape().to_vec());
    let inputs = inputs.iter().map(shape).collect();
    let options = ShapeOptions { inputs, limits: limits.clone(), ..ShapeOptions::default() };
    match infer_shapes(graph, &options) {
        Ok(types) => Ok(types),
        Err(error @ Error::OverLimit { .. }) => Err(error),
        // The evaluation reports the error, or computes what shapes alone do not decide.
        Err(_) => Ok(BTreeMap::new()),
    }
}

/// The outputs of a node if none of them has an element: nothing has to be computed, however large the other dimensions are.
fn without_elements(node: &Node, types: &BTreeMap<String, TensorType>) -> Option<Result<Vec<Tensor>, Error>> {
    let empty = |name: &String| types.get(name).filter(|of| bytes_of(of) == 0);
    let types: Vec<&TensorType> = node.outputs.iter().map(empty).collect::<Option<_>>()?;
    Some(types.into_iter().map(|of| Tensor::zeros(of.shape.as_slice(), of.data_type)).collect())
}

/// Memory of the graph's constants and of the values that are still to be read.
#[derive(Clone)]
struct Live<'g> {
    limits: Limits,
    bytes: u64,
    values: HashMap<&'g str, u64>,
    /// The last node that reads each value, as its position in the order; the graph's outputs live to the end.
    last_reads: HashMap<&'g str, usize>,
}

impl<'g> Live<'g> {
    fn new(graph: &'g Graph, order: &[usize], inputs: &HashMap<&'g str, Tensor>, limits: &Limits) -> Self {
        let mut last_reads = HashMap::new();
        for (time, &index) in order.iter().enumerate() {
            last_reads.extend(graph.nodes[index].inputs.iter().map(|name| (name.as_str(), time)));
        }
        last_reads.extend(graph.outputs.iter().map(|output| (output.name.as_str(), usize::MAX)));
        let bytes = |tensor: &Tensor| bytes_of(&TensorType::of(tensor));
        let values: HashMap<&str, u64> = inputs.iter().map(|(name, tensor)| (*name, bytes(tensor))).collect();
        let constants: u64 = graph.constants.values().map(bytes).sum();
        Self { limits: limits.clone(), bytes: constants + values.values().sum::<u64>(), values, last_reads }
    }

    /// Checks whether values of these types fit.
    fn rehearse(
        mut self,
        graph: &'g Graph,
        order: &[usize],
        types: &BTreeMap<String, TensorType>,
    ) -> Result<(), Error> {
        for (time, &index) in order.iter().enumerate() {
            let node = &graph.nodes[index];
            for name in &node.outputs {
                if let Some(of) = types.get(name) {
                    self.add(name, bytes_of(of), node)?;
                }
            }
            self.drop_after(node, time, |_| ());
        }
        Ok(())
    }

    fn add(&mut self, name: &'g str, bytes: u64, node: &Node) -> Result<(), Error> {
        self.bytes = self.bytes.saturating_add(bytes);
        self.values.insert(name, bytes);
        self.limits.check_bytes(self.bytes, || format!("the model up to node {}", quoted(&node.name)))
    }

    /// Calls `forget` with the values whose last reader is the node number `time`.
    fn drop_after(&mut self, node: &'g Node, time: usize, mut forget: impl FnMut(&'g str)) {
        for name in node.inputs.iter().chain(&node.outputs).map(String::as_str) {
            if self.last_reads.get(name).is_none_or(|&last| last <= time)
                && let Some(bytes) = self.values.remove(name)
            {
                self.bytes -= bytes;
                forget(name);
            }
        }
    }
}
