//! Replaces the matches of a pattern by other nodes.

use std::collections::{HashMap, HashSet};

use super::super::TransformError;
use super::super::context::Context;
use super::graph::readers;
use super::pattern::{Match, Pattern, find};
use crate::proto::NodeDef;

/// A match, to be replaced.
pub(crate) struct Found<'a> {
    nodes: &'a [NodeDef],
    matched: &'a Match,
    used: HashSet<usize>,
}

impl<'a> Found<'a> {
    /// A match among `nodes`, of which others read the nodes `used`.
    pub(crate) fn new(nodes: &'a [NodeDef], matched: &'a Match, used: HashSet<usize>) -> Self {
        Self { nodes, matched, used }
    }

    /// What replaces the match: `new`, or nothing where that lacks what others read.
    pub(crate) fn checked(
        &self,
        new: Vec<NodeDef>,
        missing: Missing,
        context: &mut Context,
    ) -> Option<Vec<NodeDef>> {
        if missing == Missing::KeepMatch {
            let names: HashSet<&str> = new.iter().map(|node| node.name.as_str()).collect();
            let used = self.used.iter().map(|&node| self.nodes[node].name.as_str());
            if let Some(lost) = used.filter(|name| !names.contains(name)).min() {
                let head = &self.at(&[]).name;
                context
                    .warnings
                    .push(format!("Expected {lost} to be preserved: the nodes before {head} stay"));
                return None;
            }
        }
        Some(new)
    }

    /// The node at the end of a path of inputs from the head, which the pattern must have.
    pub(crate) fn at(&self, path: &[usize]) -> &'a NodeDef {
        &self.nodes[self.position(path)]
    }

    /// Whether a node outside of the match reads the node at the end of a path.
    pub(crate) fn is_used_elsewhere(&self, path: &[usize]) -> bool {
        self.used.contains(&self.position(path))
    }

    /// The nodes of the match as they are, those near the head first.
    pub(crate) fn original(&self) -> Vec<NodeDef> {
        self.matched.nodes().into_iter().map(|index| self.nodes[index].clone()).collect()
    }

    fn position(&self, path: &[usize]) -> usize {
        path.iter().fold(self.matched, |matched, &input| &matched.inputs[input]).node
    }
}

/// What to do with nodes that a replacement lacks though nodes outside of the match read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Keep the match as it is, with a warning.
    KeepMatch,
    /// Leave it to the transform, which renames inputs.
    Accept,
}

/// Replaces every match of a pattern by the nodes that `replacement` gives; they stand where the head of the match stood. Returns
/// the nodes and how many matches were replaced.
pub(crate) fn replace(
    nodes: &[NodeDef],
    pattern: &Pattern<'_>,
    missing: Missing,
    context: &mut Context,
    mut replacement: impl FnMut(&Found<'_>) -> Result<Vec<NodeDef>, TransformError>,
) -> Result<(Vec<NodeDef>, usize), TransformError> {
    let matches = find(nodes, pattern);
    let heads: HashMap<usize, &Match> = matches.iter().map(|matched| (matched.node, matched)).collect();
    let matched: HashSet<usize> = matches.iter().flat_map(Match::nodes).collect();
    let readers = readers(nodes);
    let mut result = Vec::with_capacity(nodes.len());
    let mut replaced = 0;
    for (index, node) in nodes.iter().enumerate() {
        let Some(&head) = heads.get(&index) else {
            if !matched.contains(&index) {
                result.push(node.clone());
            }
            continue;
        };
        let inside = head.nodes();
        let is_used = |&&node: &&usize| {
            let readers = readers.get(nodes[node].name.as_str()).map_or(&[][..], Vec::as_slice);
            readers.iter().any(|reader| !inside.contains(reader))
        };
        let used = inside.iter().filter(is_used).copied().collect();
        let found = Found::new(nodes, head, used);
        match found.checked(replacement(&found)?, missing, context) {
            None => result.extend(found.original()),
            Some(new) => {
                result.extend(new);
                replaced += 1;
            }
        }
    }
    Ok((result, replaced))
}
