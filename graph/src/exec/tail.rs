//! The end of a graph whose sizes are known only when it runs, such as that of the boxes that a suppression leaves: the plan ends
//! before it, and the plain evaluator runs it.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;

use crate::ops::interpret::evaluate_within;
use crate::{DataType, Error, Graph, Limits, Node, Tensor, ValueInfo, escaped};

/// The nodes behind those whose elements decide the sizes of their outputs, and these nodes themselves.
#[derive(Debug)]
pub(super) struct Tail {
    /// Its inputs are the outputs of the graph before it.
    graph: Graph,
    limits: Limits,
}

/// How the tail runs, and why.
pub(super) const DESCRIPTION: &str = "plain loops: its size is known only when it runs";

impl Tail {
    /// Splits `graph`, if it has such nodes: what is left has what the tail reads as its outputs. The tail takes no more than
    /// `limits`.
    pub(super) fn split(graph: Graph, limits: &Limits) -> Result<(Graph, Option<Self>), Error> {
        let (head, tail) = parts(&graph)?;
        if tail.is_empty() {
            return Ok((graph, None));
        }
        let nodes = |indices: &[usize]| indices.iter().map(|&index| graph.nodes[index].clone()).collect();
        let (head, tail): (Vec<Node>, Vec<Node>) = (nodes(&head), nodes(&tail));
        let written: HashSet<&str> = tail.iter().flat_map(|node| &node.outputs).map(String::as_str).collect();
        let read = tail.iter().flat_map(|node| &node.inputs).map(String::as_str);
        let wanted = graph.outputs.iter().map(|output| output.name.as_str());
        let crossing =
            |name: &&str| !name.is_empty() && !written.contains(name) && !graph.constants.contains_key(*name);
        let crossing: BTreeSet<&str> = read.chain(wanted).filter(crossing).collect();
        // A plan finds their types and shapes.
        let info =
            |name: &str| ValueInfo { name: name.to_owned(), data_type: DataType::F32, shape: Vec::new() };
        let ends: Vec<ValueInfo> = crossing.into_iter().map(info).collect();
        let reads: HashSet<&String> = tail.iter().flat_map(|node| &node.inputs).collect();
        let outputs = graph.output_names();
        let wants = |name: &String| reads.contains(name) || outputs.contains(name.as_str());
        let constants = graph.constants.iter().filter(|(name, _)| wants(name));
        let constants = constants.map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
        let outputs = graph.outputs.clone();
        let tail = Graph { nodes: tail, inputs: ends.clone(), outputs, constants, ..Graph::default() };
        Ok((
            Graph { nodes: head, outputs: ends, ..graph },
            Some(Self { graph: tail, limits: limits.clone() }),
        ))
    }

    /// The outputs of the whole graph, from those of the graph before the tail. Calls `after` with the index of each node when it
    /// ends; its error ends the run.
    pub(super) fn run(
        &self,
        given: &[Tensor],
        after: impl FnMut(usize) -> Result<(), Error>,
    ) -> Result<Vec<Tensor>, Error> {
        let of = |(info, tensor): (&ValueInfo, &Tensor)| ValueInfo {
            name: info.name.clone(),
            data_type: tensor.data_type(),
            shape: tensor.shape().iter().map(|&size| Some(size)).collect(),
        };
        // Constants are shared, not copied.
        let inputs = self.graph.inputs.iter().zip(given).map(of).collect();
        let graph = Graph { inputs, ..self.graph.clone() };
        let names = graph.inputs.iter().map(|info| info.name.as_str());
        let inputs: Vec<(&str, &Tensor)> = names.zip(given).collect();
        evaluate_within(&graph, &inputs, &self.limits, after)
    }

    /// The outputs of the whole graph as it declares them.
    pub(super) fn outputs(&self) -> &[ValueInfo] {
        &self.graph.outputs
    }

    /// The nodes.
    pub(super) fn nodes(&self) -> &[Node] {
        &self.graph.nodes
    }

    /// One line per node.
    pub(super) fn describe(&self, text: &mut String) {
        for node in &self.graph.nodes {
            let (name, op) = (escaped(&node.name), escaped(node.op.as_str()));
            let _ = writeln!(text, "tail  {name:<40} {op}: {DESCRIPTION}");
        }
    }
}

/// The graph without its tail, on which no output depends.
pub(super) fn without(mut graph: Graph) -> Result<Graph, Error> {
    let (_, tail) = parts(&graph)?;
    let tail: HashSet<usize> = tail.into_iter().collect();
    let mut index = 0..;
    graph.nodes.retain(|_| index.next().is_none_or(|index| !tail.contains(&index)));
    Ok(graph)
}

/// The indices of the nodes before the tail, and of those in it.
pub(crate) fn parts(graph: &Graph) -> Result<(Vec<usize>, Vec<usize>), Error> {
    // Values that do not depend on elements of the graph's inputs, and those without a size before a run.
    let mut known: HashSet<&str> = graph.constants.keys().map(String::as_str).collect();
    let mut without_size: HashSet<&str> = HashSet::new();
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    for index in graph.topological_order()? {
        let node = &graph.nodes[index];
        let Some(operator) = node.operator() else {
            head.push(index);
            continue;
        };
        let mut inputs = node.inputs.iter().map(String::as_str).filter(|name| !name.is_empty());
        let is_known = |name: &str| known.contains(name);
        let is_sized = inputs.clone().all(|name| !without_size.contains(name))
            && operator.sizes_from.iter().filter_map(|&input| node.input(input)).all(is_known);
        let outputs = node.outputs.iter().map(String::as_str);
        if !is_sized {
            tail.push(index);
            without_size.extend(outputs);
        } else {
            head.push(index);
            if operator.from_types.is_some() || inputs.all(is_known) {
                known.extend(outputs);
            }
        }
    }
    Ok((head, tail))
}
