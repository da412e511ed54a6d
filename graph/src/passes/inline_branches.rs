//! `inline_branches`: replaces each `If` whose condition is known by the nodes of its branch.

use std::collections::HashMap;

use crate::shapes::{PartialShapes, ShapeOptions, infer_partial_shapes};
use crate::{Attribute, Error, Graph, Names, Node, Tensor};

/// The most rounds: each finds conditions that depend on the branches chosen in the one before.
const MAX_ROUNDS: usize = 32;

impl Node {
    /// The branches of an `If`: for false and for true, which is the order of their names and of the values that the node reads.
    pub(crate) fn branches(&self) -> Option<[&Graph; 2]> {
        if !self.op.domain().is_empty() || self.op != "If" {
            return None;
        }
        let branch = |name: &str| match self.attributes.get(name) {
            Some(Attribute::Graph(graph)) => Some(graph),
            _ => None,
        };
        Some([branch("else_branch")?, branch("then_branch")?])
    }
}

/// Replaces each `If` whose condition follows from constants, and from the shapes that the graph fixes, by the nodes of its branch.
/// The others stay: a graph with them cannot run until its inputs are fixed.
///
/// # Errors
///
/// A branch that does not fit its node, and every error of [`Graph::validate`].
pub fn inline_branches(mut graph: Graph) -> Result<Graph, Error> {
    for _ in 0..MAX_ROUNDS {
        if !graph.nodes.iter().any(|node| node.branches().is_some()) {
            break;
        }
        let known = infer_partial_shapes(&graph, &ShapeOptions::default())?;
        let mut names = Names::of(&graph);
        let mut nodes = Vec::with_capacity(graph.nodes.len());
        let mut chosen = false;
        for mut node in std::mem::take(&mut graph.nodes) {
            let Some(condition) = condition(&graph, &node, &known)? else {
                nodes.push(node);
                continue;
            };
            chosen = true;
            inline(&mut graph, &mut node, condition, &mut names, &mut nodes)?;
        }
        graph.nodes = nodes;
        if !chosen {
            break;
        }
        graph.validate()?;
    }
    Ok(graph)
}

/// The condition of an `If`; `None` for other nodes and if it is not known.
fn condition(graph: &Graph, node: &Node, known: &PartialShapes) -> Result<Option<bool>, Error> {
    if node.branches().is_none() {
        return Ok(None);
    }
    let condition = known.value(graph, node.required_input(0)?);
    condition.map(Tensor::to_scalar).transpose().map_err(|error: Error| error.in_node(node))
}

/// Adds the nodes of a branch of `node`.
fn inline(
    graph: &mut Graph,
    node: &mut Node,
    condition: bool,
    names: &mut Names,
    nodes: &mut Vec<Node>,
) -> Result<(), Error> {
    let Some([otherwise, then]) = node.branches() else { return Ok(()) };
    let (first, count) = (otherwise.inputs.len(), then.inputs.len());
    if node.inputs.len() != 1 + first + count {
        return Err(Error::node(node, "its branches have inputs"));
    }
    let (name, first) = if condition { ("then_branch", 1 + first) } else { ("else_branch", 1) };
    let Some(Attribute::Graph(branch)) = node.attributes.remove(name) else { return Ok(()) };
    if branch.outputs.len() < node.outputs.len() {
        return Err(Error::node(node, format!("its {name} has {} outputs", branch.outputs.len())));
    }
    let inputs = branch.inputs.iter().zip(node.inputs.iter().skip(first));
    let mut renamed: HashMap<String, String> =
        inputs.map(|(inner, outer)| (inner.name.clone(), outer.clone())).collect();
    for (index, output) in branch.outputs.iter().enumerate() {
        let Some(outer) = node.output(index) else { continue };
        // A value of the graph around it, a constant, or an output twice.
        if let Some(other) =
            renamed.get(&output.name).or(branch.constants.get_key_value(&output.name).map(|it| it.0))
        {
            let own = renamed.get(&output.name).cloned().unwrap_or_else(|| names.fresh(other));
            renamed.insert(output.name.clone(), own.clone());
            nodes.push(Node::new(&names.fresh(&node.name), "Identity", &[&own], &[outer]));
        } else {
            renamed.insert(output.name.clone(), outer.to_owned());
        }
    }
    let mut rename = |value: &mut String, names: &mut Names| {
        if !value.is_empty() {
            *value = renamed.entry(value.clone()).or_insert_with(|| names.fresh(value)).clone();
        }
    };
    graph.opset = graph.opset.max(branch.opset);
    for (mut name, tensor) in branch.constants {
        rename(&mut name, names);
        graph.constants.insert(name, tensor);
    }
    for mut inner in branch.nodes {
        inner.name = names.fresh(&inner.name);
        for value in inner.inputs.iter_mut().chain(&mut inner.outputs) {
            rename(value, names);
        }
        nodes.push(inner);
    }
    Ok(())
}
