//! Finds small trees of nodes.

use std::collections::HashSet;

use super::graph::by_name;
use super::order::execution_order;
use crate::node::node_name;
use crate::proto::NodeDef;

/// A node with one of some operators, whose inputs match; the inputs do not matter if there are none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pattern<'a> {
    ops: &'a str,
    inputs: Vec<Pattern<'a>>,
}

impl<'a> Pattern<'a> {
    /// Any node.
    pub(crate) fn any() -> Self {
        Self::op("*")
    }

    /// A node with one of the operators `A|B|C`.
    pub(crate) fn op(ops: &'a str) -> Self {
        Self { ops, inputs: Vec::new() }
    }

    /// As [`Self::op`], with inputs.
    pub(crate) fn with(ops: &'a str, inputs: impl Into<Vec<Pattern<'a>>>) -> Self {
        Self { ops, inputs: inputs.into() }
    }

    fn accepts(&self, op: &str) -> bool {
        self.ops == "*" || self.ops.split('|').any(|accepted| accepted == op)
    }
}

/// A node that a pattern matches, with its inputs as far as the pattern has them.
#[derive(Clone, Debug)]
pub(crate) struct Match {
    pub(crate) node: usize,
    pub(crate) inputs: Vec<Match>,
}

impl Match {
    /// All nodes, those near the head first.
    pub(crate) fn nodes(&self) -> Vec<usize> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        let mut level = vec![self];
        while !level.is_empty() {
            let fresh = level.into_iter().filter(|found| seen.insert(found.node));
            let fresh: Vec<_> = fresh.inspect(|one| found.push(one.node)).collect();
            level = fresh.into_iter().flat_map(|found| &found.inputs).collect();
        }
        found
    }
}

/// All matches, in the order of execution of their heads. No node is in two of them: what runs first wins.
pub(crate) fn find(nodes: &[NodeDef], pattern: &Pattern<'_>) -> Vec<Match> {
    let (order, _) = execution_order(nodes);
    let names = by_name(nodes);
    // Nodes of a cycle are not in the order of execution.
    let mut free = vec![false; nodes.len()];
    order.iter().for_each(|&index| free[index] = true);
    let mut matches = Vec::new();
    for index in order {
        let position = |name: &str| names.get(name).copied().filter(|&index| free[index]);
        if free[index]
            && let Some(found) = match_at(nodes, index, pattern, &position)
        {
            found.nodes().into_iter().for_each(|node| free[node] = false);
            matches.push(found);
        }
    }
    matches
}

/// The match of a pattern whose head is the node at `index`, with inputs that are where `position` finds them.
pub(crate) fn match_at(
    nodes: &[NodeDef],
    index: usize,
    pattern: &Pattern<'_>,
    position: &dyn Fn(&str) -> Option<usize>,
) -> Option<Match> {
    let node = &nodes[index];
    if !pattern.accepts(&node.op) {
        return None;
    }
    if pattern.inputs.is_empty() {
        return Some(Match { node: index, inputs: Vec::new() });
    }
    if data_inputs(node).count() != pattern.inputs.len() {
        return None;
    }
    let matched = data_inputs(node).zip(&pattern.inputs).map(|(input, pattern)| {
        // As deep as the pattern, which is never a file's.
        match_at(nodes, position(node_name(input))?, pattern, position)
    });
    Some(Match { node: index, inputs: matched.collect::<Option<_>>()? })
}

/// The inputs of a node that are no control inputs.
pub(crate) fn data_inputs(node: &NodeDef) -> impl Iterator<Item = &String> {
    node.input.iter().filter(|input| !input.is_empty() && !input.starts_with('^'))
}
