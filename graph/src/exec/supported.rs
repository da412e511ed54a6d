//! What would run of a graph, and how, node by node: for runtimes that give an executor parts of their models.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::ExecutorOptions;
use super::builder::Builder;
use super::lower::{self, Inferred, lower_node, simplified};
use super::shared::Shared;
use super::source::Source;
use super::step::{Step, StepKind};
use super::tail::{self, DESCRIPTION};
use crate::limits::constants_of;
use crate::shapes::{PartialShapes, infer_partial_shapes};
use crate::{Error, Graph, Node, ValueInfo, quoted};

/// How a node would run in an [`Executor`](crate::Executor).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Support {
    /// In a step of its own.
    Step {
        /// What kind of computation it is.
        kind: StepKind,
        /// A human-readable description of the kernel.
        description: String,
    },
    /// As a part of the step of the node with this name.
    Fused(String),
    /// Once, when the executor is made: its outputs do not depend on the elements of inputs.
    Constant,
    /// Nothing is left to compute: the elements of its outputs exist under other names, other steps write them in place, or nobody reads
    /// them.
    Nothing,
    /// Not at all.
    Refused {
        /// Why, and what to do.
        reason: String,
    },
}

/// How each node of `graph` would run, in the order of its nodes, with the sizes and limits of `options`. A node that cannot run does not
/// hide the others. What reads its outputs is refused, too, because their types are not known: a runtime that knows them asks about the
/// rest as a graph of its own.
///
/// Weights are packed to learn it, those of one node at a time, and dropped.
///
/// ```
/// use eightbit_graph::{DataType, ExecutorOptions, Graph, Node, StepKind, Support, ValueInfo, supported};
/// let value = |name: &str| ValueInfo { name: name.into(), data_type: DataType::F32, shape: vec![Some(8)] };
/// let graph = Graph {
///     inputs: vec![value("x")],
///     outputs: vec![value("y")],
///     nodes: vec![
///         Node::new("tanh", "Tanh", &["x"], &["a"]),
///         Node::new("odd", "Frobnicate", &["a"], &["y"]),
///     ],
///     ..Graph::default()
/// };
/// let nodes = supported(&graph, &ExecutorOptions::default())?;
/// assert!(matches!(nodes[0], Support::Step { kind: StepKind::Float, .. }));
/// assert!(matches!(nodes[1], Support::Refused { .. }));
/// # Ok::<(), eightbit_graph::Error>(())
/// ```
///
/// # Errors
///
/// A graph that is inconsistent, and a backend or threads that cannot be had.
pub fn supported(graph: &Graph, options: &ExecutorOptions) -> Result<Vec<Support>, Error> {
    graph.validate()?;
    let known = infer_partial_shapes(graph, &options.shapes)?;
    let errors = known.errors.iter().filter_map(|error| Some((error.node_name()?, error))).collect();
    let refused = graph.nodes.iter().map(|node| refusal(node, &known, &errors));
    let mut all: Vec<Support> = refused.map(|reason| reason.unwrap_or(Support::Nothing)).collect();
    accept_tail(graph, &known, &mut all)?;
    let part = part(graph, &known, |index| all[index] == Support::Nothing);
    let outcome = Outcome::of(simplified(part)?, options)?;
    let (consumers, owners) = (graph.consumers(), outcome.owners(graph));
    // The node whose step comes next: the node's own if it has one.
    let mut next: Vec<Option<String>> = vec![None; graph.nodes.len()];
    for index in graph.topological_order()?.into_iter().rev() {
        let node = &graph.nodes[index];
        let readers = node.outputs.iter().filter_map(|name| consumers.get(name.as_str())).flatten();
        let reader = readers.filter_map(|&reader| next[reader].clone()).next();
        if all[index] == Support::Nothing {
            let found = outcome.nodes.get(&node.name).cloned();
            all[index] = found.unwrap_or_else(|| outcome.without_step(graph, node, reader.clone(), &owners));
        }
        next[index] = match &all[index] {
            Support::Step { .. } => Some(node.name.clone()),
            Support::Fused(into) => Some(into.clone()),
            Support::Nothing => reader,
            Support::Constant | Support::Refused { .. } => None,
        };
    }
    for support in &mut all {
        if let Support::Fused(into) = support
            && let Some(owner) = owners.get(into.as_str())
        {
            (*owner).clone_into(into);
        }
    }
    Ok(all)
}

/// The refusal of a node that cannot run, as far as types tell; `errors` are those of nodes by name.
fn refusal(node: &Node, known: &PartialShapes, errors: &HashMap<&str, &Error>) -> Option<Support> {
    let named = |name: &&String| !name.is_empty();
    let is_typed = node.outputs.iter().filter(named).all(|name| known.types.contains_key(name));
    if is_typed && node.operator().is_some() {
        return None;
    }
    let unknown = node.inputs.iter().filter(named).find(|name| !known.types.contains_key(*name));
    let reason = match (errors.get(node.name.as_str()), unknown) {
        (Some(error), _) => error.to_string(),
        (None, _) if node.operator().is_none() => Error::unsupported(node, "not implemented").to_string(),
        (None, Some(input)) => format!("reads {}, whose type and shape are not known", quoted(input)),
        (None, None) => "has outputs whose types and shapes are not known".to_owned(),
    };
    Some(Support::Refused { reason })
}

/// Says of the nodes whose sizes are known only when they run, which have no types before, how they run.
fn accept_tail(graph: &Graph, known: &PartialShapes, all: &mut [Support]) -> Result<(), Error> {
    let plain = Support::Step { kind: StepKind::Plain, description: DESCRIPTION.to_owned() };
    let mut sized_later: HashSet<&String> = HashSet::new();
    for index in tail::parts(graph)?.1 {
        let node = &graph.nodes[index];
        let mut inputs = node.inputs.iter().filter(|name| !name.is_empty());
        if inputs.all(|name| known.types.contains_key(name) || sized_later.contains(name)) {
            all[index] = plain.clone();
            sized_later.extend(&node.outputs);
        }
    }
    Ok(())
}

/// The nodes of `graph` that `runs` tells by their indices, with what others read of them as outputs.
fn part(graph: &Graph, known: &PartialShapes, runs: impl Fn(usize) -> bool) -> Graph {
    let info = |name: &str| -> Option<ValueInfo> {
        let found = known.types.get(name)?;
        let shape = found.shape.iter().map(|&size| Some(size)).collect();
        Some(ValueInfo { name: name.to_owned(), data_type: found.data_type, shape })
    };
    let (own, others): (Vec<_>, Vec<_>) = graph.nodes.iter().enumerate().partition(|(index, _)| runs(*index));
    let written: HashSet<&String> = own.iter().flat_map(|(_, node)| &node.outputs).collect();
    let wanted = graph.outputs.iter().map(|output| &output.name);
    let wanted = wanted.chain(others.iter().flat_map(|(_, node)| &node.inputs));
    let mut seen = HashSet::new();
    let outputs = wanted.filter(|name| written.contains(name) && seen.insert(*name));
    Graph {
        outputs: outputs.filter_map(|name| info(name)).collect(),
        inputs: graph.inputs.iter().filter_map(|input| info(&input.name)).collect(),
        nodes: own.into_iter().map(|(_, node)| node.clone()).collect(),
        ..graph.clone()
    }
}

/// What became of a graph.
struct Outcome {
    /// How the nodes run that are left after all passes, by name.
    nodes: HashMap<String, Support>,
    /// The node that writes each value.
    writers: HashMap<String, String>,
    /// Values that do not depend on elements of inputs.
    constants: HashSet<String>,
}

impl Outcome {
    /// Lowers a graph whose values all have types, and drops the steps.
    fn of(graph: Graph, options: &ExecutorOptions) -> Result<Self, Error> {
        let source = Source {
            constant_bytes: constants_of([&graph]),
            graph,
            backend: options.backend()?,
            workers: options.workers()?,
            shapes: options.shapes.clone(),
            shared: Shared::default(),
            observer: None,
            has_tail: false,
        };
        let graph = &source.graph;
        let mut outcome = Self {
            nodes: HashMap::new(),
            writers: graph.nodes.iter().flat_map(writes).collect(),
            constants: graph.constants.keys().cloned().collect(),
        };
        let Inferred { types, order } = lower::infer(&source, &source.shapes)?;
        let constants = Cow::Borrowed(&graph.constants);
        let mut builder = Builder::new(&source, constants, types, &source.shapes.limits, 0)?;
        for index in order {
            let node = &graph.nodes[index];
            let support = match builder.begin(index) {
                Some(into) => Support::Fused(graph.nodes[into].name.clone()),
                None => match lower_node(&mut builder, node) {
                    Ok(true) => Support::Constant,
                    Ok(false) => of_steps(node, builder.drain_steps()),
                    Err(error) => {
                        drop(builder.drain_steps());
                        builder.pretend(node)?;
                        Support::Refused { reason: error.to_string() }
                    }
                },
            };
            if support == Support::Constant {
                outcome.constants.extend(node.outputs.iter().cloned());
            }
            outcome.nodes.insert(node.name.clone(), support);
        }
        Ok(outcome)
    }

    /// For each node that passes added, the node of `graph` whose output it writes.
    fn owners<'g>(&self, graph: &'g Graph) -> HashMap<&str, &'g str> {
        let own: HashSet<&str> = graph.nodes.iter().map(|node| node.name.as_str()).collect();
        let mut owners = HashMap::new();
        for node in &graph.nodes {
            let writers = node.outputs.iter().filter_map(|name| self.writers.get(name));
            owners.extend(
                writers
                    .filter(|writer| !own.contains(writer.as_str()))
                    .map(|writer| (&**writer, &*node.name)),
            );
        }
        owners
    }

    /// What became of a node that passes took away: the node that writes its output, or `reader`, whose
    /// step reads it.
    fn without_step(
        &self,
        graph: &Graph,
        node: &Node,
        reader: Option<String>,
        owners: &HashMap<&str, &str>,
    ) -> Support {
        let named = |name: &&String| !name.is_empty();
        if node.outputs.iter().filter(named).any(|name| self.constants.contains(name))
            || node.inputs.iter().filter(named).all(|name| graph.constants.contains_key(name))
        {
            return Support::Constant;
        }
        if let Some(writer) = node.outputs.iter().find_map(|name| self.writers.get(name)) {
            let is_own = owners.contains_key(writer.as_str());
            let own = self.nodes.get(writer).filter(|_| is_own).cloned();
            return own.unwrap_or_else(|| Support::Fused(writer.clone()));
        }
        reader.map_or(Support::Nothing, Support::Fused)
    }
}

/// The values that a node writes, each with its name.
fn writes(node: &Node) -> impl Iterator<Item = (String, String)> + '_ {
    let outputs = node.outputs.iter().filter(|name| !name.is_empty());
    outputs.map(|name| (name.clone(), node.name.clone()))
}

/// What the steps of `node` are; those that reorder its inputs are not its own.
fn of_steps(node: &Node, steps: impl Iterator<Item = Step>) -> Support {
    let steps: Vec<Step> = steps.collect();
    let own = steps.iter().find(|step| step.links.name == node.name);
    // Steps of a product that a quantizer brings along have the product's name.
    let computing = || steps.iter().find(|step| step.kernel.kind() == StepKind::EightBit);
    own.or_else(computing).map_or(Support::Nothing, |step| Support::Step {
        kind: step.kernel.kind(),
        description: step.kernel.describe(),
    })
}
