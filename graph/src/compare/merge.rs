//! Makes one graph of two, so that pairs of their values are complete at about the same time.

use std::collections::HashMap;

use super::inputs::Given;
use crate::ops::transpose;
use crate::{DataType, Error, Graph, Names, Node, ValueInfo, passes};

/// A graph with the inputs of `a` that computes the first value of each pair, then the second ones, as its outputs.
pub(super) fn merged(
    a: &Graph,
    b: &Graph,
    given: &[Given<'_>],
    pairs: &[(&str, &str)],
) -> Result<Graph, Error> {
    let mut names = Names::of(a);
    let mut nodes = Vec::with_capacity(a.nodes.len() + b.nodes.len());
    let mut renamed: HashMap<&str, String> = HashMap::new();
    for (input, given) in b.inputs.iter().zip(given) {
        let Some(order) = given.order else {
            renamed.insert(&input.name, given.name.to_owned());
            continue;
        };
        let name = names.fresh(&input.name);
        let order = order.map(|axis| axis as i64).to_vec();
        nodes.push(Node::of(&transpose::OP, &name, &[given.name], &[&name]).with("perm", order));
        renamed.insert(&input.name, name);
    }
    let mut constants = a.constants.clone();
    for (name, tensor) in &b.constants {
        let own = names.fresh(name);
        constants.insert(own.clone(), tensor.clone());
        renamed.insert(name, own);
    }
    let mut second = Vec::with_capacity(b.nodes.len());
    for index in b.topological_order()? {
        let node = &b.nodes[index];
        for output in node.outputs.iter().filter(|output| !output.is_empty()) {
            renamed.insert(output, names.fresh(output));
        }
        let new = |name: &String| renamed.get(name.as_str()).unwrap_or(name).clone();
        second.push(Node {
            name: names.fresh(&node.name),
            inputs: node.inputs.iter().map(new).collect(),
            outputs: node.outputs.iter().map(new).collect(),
            ..node.clone()
        });
    }
    let other = |&(_, name): &(&str, &str)| renamed.get(name).map_or(name, String::as_str).to_owned();
    let others: Vec<String> = pairs.iter().map(other).collect();
    let first = a.topological_order()?.into_iter().map(|index| a.nodes[index].clone());
    let twin: HashMap<&str, &str> =
        pairs.iter().map(|(name, _)| *name).zip(others.iter().map(String::as_str)).collect();
    side_by_side(&mut nodes, first, second, &twin);
    let output = |name: String| ValueInfo { name, data_type: DataType::F32, shape: Vec::new() };
    let all = pairs.iter().map(|(name, _)| (*name).to_owned()).chain(others);
    passes::strip_unused_nodes(Graph { outputs: all.map(output).collect(), nodes, constants, ..a.clone() })
}

/// Adds the nodes of two graphs, both in execution order: after each node of the first, those of the second up to the ones that write the
/// `twin` values of what it writes.
fn side_by_side(
    nodes: &mut Vec<Node>,
    first: impl Iterator<Item = Node>,
    second: Vec<Node>,
    twin: &HashMap<&str, &str>,
) {
    let writers: HashMap<String, usize> = second
        .iter()
        .enumerate()
        .flat_map(|(at, node)| node.outputs.iter().map(move |name| (name.clone(), at)))
        .collect();
    let mut second = second.into_iter();
    let mut added = 0;
    for node in first {
        let twins = node.outputs.iter().filter_map(|name| writers.get(*twin.get(name.as_str())?));
        let until = twins.max().map_or(added, |&at| (at + 1).max(added));
        nodes.push(node);
        nodes.extend(second.by_ref().take(until - added));
        added = until;
    }
    nodes.extend(second);
}
