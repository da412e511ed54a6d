//! `merge_duplicate_nodes`: of nodes that compute the same, one stays.
//!
//! Nodes are equal if all but their names is equal; two nodes with state are two things. Nodes come out in the order of their
//! hashes, as from the tool. A hash that two different nodes share merges them there, not here.

use std::collections::{BTreeMap, HashSet};

use super::context::Context;
use super::shared::hash;
use super::shared::rename::Renames;
use super::{Transform, TransformError};
use crate::node::Input;
use crate::proto::NodeDef;
use crate::registry::Operator;

pub(super) static TRANSFORM: Transform = Transform {
    name: "merge_duplicate_nodes",
    parameters: &[],
    summary: "keeps one of nodes that compute the same",
    run,
};

pub(super) fn run(nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    // As the user wrote them: the tool compares names with ports, too.
    let named: HashSet<String> = context.inputs.iter().chain(&context.outputs).cloned().collect();
    let hashed = |node: NodeDef| Hashed { attributes: hash::of_attributes(&node), node };
    let mut nodes: Vec<_> = nodes.into_iter().map(hashed).collect();
    loop {
        let mut by_hash = BTreeMap::<u64, Vec<Hashed>>::new();
        for node in nodes {
            let name = if named.contains(&node.node.name) { node.node.name.as_str() } else { "" };
            by_hash.entry(hash::of_node(&node.node, name, &node.attributes)).or_default().push(node);
        }
        let mut renames = Renames::default();
        let mut found = false;
        nodes = Vec::new();
        for group in by_hash.into_values() {
            let start = nodes.len();
            for node in group {
                match nodes.get(start) {
                    Some(first) if first.is_same(&node) && !has_state(&node.node) => {
                        renames.add(format!("{}:*", node.node.name), &first.node.name);
                        found = true;
                    }
                    _ => nodes.push(node),
                }
            }
        }
        for node in &mut nodes {
            renames.apply(std::slice::from_mut(&mut node.node), &HashSet::new())?;
        }
        if !found {
            return Ok(nodes.into_iter().map(|hashed| hashed.node).collect());
        }
    }
}

/// A node with the hashes of its attributes, which do not change.
struct Hashed {
    node: NodeDef,
    attributes: Vec<u64>,
}

impl Hashed {
    fn is_same(&self, other: &Self) -> bool {
        let (a, b) = (&self.node, &other.node);
        let same_inputs = || {
            let canonical = |input: &String| Input::parse(input).canonical();
            a.input.len() == b.input.len() && a.input.iter().map(canonical).eq(b.input.iter().map(canonical))
        };
        a.op == b.op && a.device == b.device && self.attributes == other.attributes && same_inputs() && a.attr == b.attr
    }
}

/// Whether two equal nodes are two things. Nothing is known about an operator that TensorFlow 1.15 does not have.
fn has_state(node: &NodeDef) -> bool {
    Operator::find(&node.op).is_none_or(|operator| operator.has_state)
}
