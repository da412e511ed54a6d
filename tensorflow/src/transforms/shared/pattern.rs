//! Finds small trees of nodes.

use std::collections::{HashMap, HashSet};

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
    let mut finder = Finder {
        nodes,
        names: by_name(nodes),
        runs: vec![false; nodes.len()],
        taken: vec![false; nodes.len()],
    };
    order.iter().for_each(|&index| finder.runs[index] = true);
    let mut matches = Vec::new();
    for index in order {
        if let Some(found) = finder.match_at(index, pattern) {
            found.nodes().into_iter().for_each(|node| finder.taken[node] = true);
            matches.push(found);
        }
    }
    matches
}

struct Finder<'a> {
    nodes: &'a [NodeDef],
    names: HashMap<&'a str, usize>,
    /// Whether a node is in the order of execution: nodes of a cycle are not.
    runs: Vec<bool>,
    taken: Vec<bool>,
}

impl Finder<'_> {
    fn match_at(&self, index: usize, pattern: &Pattern<'_>) -> Option<Match> {
        let node = &self.nodes[index];
        if self.taken[index] || !self.runs[index] || !pattern.accepts(&node.op) {
            return None;
        }
        if pattern.inputs.is_empty() {
            return Some(Match { node: index, inputs: Vec::new() });
        }
        let inputs = || node.input.iter().filter(|input| !input.is_empty() && !input.starts_with('^'));
        if inputs().count() != pattern.inputs.len() {
            return None;
        }
        let matched = inputs().zip(&pattern.inputs).map(|(input, pattern)| {
            // As deep as the pattern, which is never a file's.
            self.match_at(*self.names.get(node_name(input))?, pattern)
        });
        Some(Match { node: index, inputs: matched.collect::<Option<_>>()? })
    }
}
