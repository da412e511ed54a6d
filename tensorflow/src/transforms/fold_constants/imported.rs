//! A graph as TensorFlow imports it: nodes in an order of execution, inputs resolved, and only those that outputs need.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet};

use super::constants::Constants;
use super::{Context, TransformError, add_default_attributes};
use crate::node::{Input, node_name};
use crate::proto::NodeDef;
use crate::transforms::shared::graph::by_name;

/// Where an input comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    /// An input of the graph, as it is written.
    Fed(String),
    /// An output of a node.
    Node(usize, usize),
}

/// See the module.
pub(super) struct Imported {
    pub(super) nodes: Vec<NodeDef>,
    /// The inputs of each node.
    pub(super) sources: Vec<Vec<Source>>,
    /// The nodes that must run before each node.
    pub(super) before: Vec<BTreeSet<usize>>,
    /// The outputs of the graph.
    pub(super) fetched: Vec<(usize, usize)>,
    is_kept: Vec<bool>,
}

impl Imported {
    pub(super) fn new(nodes: Vec<NodeDef>, context: &Context) -> Result<Self, TransformError> {
        let order = first_first(&nodes)?;
        let mut slots: Vec<Option<NodeDef>> = nodes.into_iter().map(Some).collect();
        let mut nodes: Vec<NodeDef> = order.into_iter().filter_map(|index| slots.get_mut(index)?.take()).collect();
        for node in &mut nodes {
            add_default_attributes::fill(node);
            node.attr.remove("_output_shapes");
        }
        let (sources, before) = edges(&nodes, context)?;
        let fetched = fetched(&nodes, context)?;
        let mut is_kept = vec![false; nodes.len()];
        let mut waiting: Vec<usize> = fetched.iter().map(|&(node, _)| node).collect();
        while let Some(index) = waiting.pop() {
            if !std::mem::replace(&mut is_kept[index], true) {
                waiting.extend(sources[index].iter().filter_map(Source::node));
                waiting.extend(&before[index]);
            }
        }
        Ok(Self { nodes, sources, before, fetched, is_kept })
    }

    /// The nodes that outputs need.
    pub(super) fn kept(&self) -> impl Iterator<Item = usize> {
        (0..self.nodes.len()).filter(|&index| self.is_kept[index])
    }

    /// A node, with constants that have names in the place of what they are the value of.
    pub(super) fn written(
        &self,
        index: usize,
        constants: &HashMap<(usize, usize), String>,
        folded: &Constants,
    ) -> NodeDef {
        let mut node = self.nodes[index].clone();
        let data = self.sources[index].iter().map(|source| match source {
            Source::Fed(name) => name.clone(),
            &Source::Node(source, port) => {
                let name = &self.nodes[source].name;
                match constants.get(&(source, port)).filter(|_| !folded.is_constant(index)) {
                    Some(constant) => constant.clone(),
                    None if port == 0 => name.clone(),
                    None => format!("{name}:{port}"),
                }
            }
        });
        let mut control: Vec<String> = self.before[index].iter().map(|&index| format!("^{}", self.nodes[index].name)).collect();
        control.sort();
        node.input = data.chain(control).collect();
        node
    }
}

impl Source {
    pub(super) fn node(&self) -> Option<usize> {
        match self {
            Self::Fed(_) => None,
            Self::Node(node, _) => Some(*node),
        }
    }
}

/// An order of execution in which the first node of the file that can come next comes next.
fn first_first(nodes: &[NodeDef]) -> Result<Vec<usize>, TransformError> {
    let names = by_name(nodes);
    let mut readers = vec![Vec::new(); nodes.len()];
    let mut pending = vec![0usize; nodes.len()];
    let mut ready = BinaryHeap::new();
    let is_next = |input: &str| names.get(node_name(input)).is_some_and(|&index| nodes[index].op == "NextIteration");
    for (index, node) in nodes.iter().enumerate() {
        // What a loop brings back is not waited for.
        let is_merge = matches!(node.op.as_str(), "Merge" | "RefMerge");
        for input in &node.input {
            let Some(&source) = names.get(node_name(input)) else {
                let reason = format!("Node '{}': Unknown input node '{input}'", node.name);
                return Err(TransformError::Invalid(reason));
            };
            if !(is_merge && is_next(input)) {
                readers[source].push(index);
                pending[index] += 1;
            }
        }
        if pending[index] == 0 {
            ready.push(Reverse(index));
        }
    }
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(Reverse(index)) = ready.pop() {
        order.push(index);
        for &reader in &readers[index] {
            pending[reader] -= 1;
            if pending[reader] == 0 {
                ready.push(Reverse(reader));
            }
        }
    }
    match nodes.len() - order.len() {
        0 => Ok(order),
        left => Err(TransformError::Invalid(format!("{left} nodes in a cycle"))),
    }
}

type Edges = (Vec<Vec<Source>>, Vec<BTreeSet<usize>>);

fn edges(nodes: &[NodeDef], context: &Context) -> Result<Edges, TransformError> {
    let names = by_name(nodes);
    let mut fed = HashMap::new();
    for input in &context.inputs {
        let canonical = Input::parse(input).canonical();
        if fed.insert(canonical.clone(), canonical).is_some() {
            return Err(TransformError::Invalid(format!("Endpoint \"{input}\" fed more than once.")));
        }
    }
    let mut sources = vec![Vec::new(); nodes.len()];
    let mut before = vec![BTreeSet::new(); nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        for input in &node.input {
            let parsed = Input::parse(input);
            let Some(&source) = names.get(parsed.node) else { continue };
            if parsed.is_control {
                before[index].insert(source);
                continue;
            }
            let port = parsed.port.unwrap_or("0").parse().map_err(|_| {
                TransformError::Invalid(format!("Node '{}': no output has the number of '{input}'", node.name))
            })?;
            sources[index].push(match fed.get(&parsed.canonical()) {
                Some(name) => Source::Fed(name.clone()),
                None => Source::Node(source, port),
            });
        }
    }
    Ok((sources, before))
}

fn fetched(nodes: &[NodeDef], context: &Context) -> Result<Vec<(usize, usize)>, TransformError> {
    if context.outputs.is_empty() {
        return Err(TransformError::invalid("Must specify at least one target to fetch or execute."));
    }
    let names = by_name(nodes);
    let fed: HashSet<&str> = context.inputs.iter().map(String::as_str).collect();
    let find = |output: &String| {
        if fed.contains(output.as_str()) {
            return Err(TransformError::Invalid(format!("{output} is both fed and fetched.")));
        }
        let parsed = Input::parse(output);
        let node = names.get(parsed.node);
        let missing = || TransformError::Invalid(format!("FetchOutputs node {output}: not found"));
        let port = parsed.port.unwrap_or("0").parse().map_err(|_| missing())?;
        Ok((*node.ok_or_else(missing)?, port))
    };
    context.outputs.iter().map(find).collect()
}
