//! The nodes by name, and what of them is asked for.

use std::collections::{HashMap, HashSet};

use eightbit_graph::{Error, quoted};

use super::{ImportOptions, Reference};
use crate::proto::{GraphDef, NodeDef};

/// The nodes by name.
pub(super) type Nodes<'d> = HashMap<&'d str, &'d NodeDef>;

/// Operators whose nodes are no outputs although no node reads them.
const NO_OUTPUTS: [&str; 9] = [
    "Const",
    "NoOp",
    "Assert",
    "Placeholder",
    "PlaceholderWithDefault",
    "Print",
    "PrintV2",
    "SaveV2",
    "RestoreV2",
];

pub(super) fn by_name(graph: &GraphDef) -> Result<Nodes<'_>, Error> {
    let mut nodes = HashMap::with_capacity(graph.node.len());
    for node in &graph.node {
        if nodes.insert(node.name.as_str(), node).is_some() {
            return Err(Error::DuplicateName { kind: "node", name: node.name.clone() });
        }
    }
    Ok(nodes)
}

/// The values called `names`.
pub(super) fn references<'n>(nodes: &Nodes<'_>, names: &'n [String]) -> Result<Vec<Reference<'n>>, Error> {
    let mut references = Vec::with_capacity(names.len());
    for name in names {
        let reference = Reference::new(name);
        if reference.port.is_none() || !nodes.contains_key(reference.node) {
            let mut known: Vec<&str> = nodes.keys().copied().collect();
            known.sort_unstable();
            let near =
                known.iter().find(|known| known.ends_with(reference.node) && !reference.node.is_empty());
            let hint = near.map_or_else(String::new, |near| format!("; did you mean {}?", quoted(near)));
            return Err(Error::value(name, format!("the graph has no node of this name{hint}")));
        }
        references.push(reference);
    }
    Ok(references)
}

/// The outputs: those asked for, or the nodes that no node reads.
pub(super) fn outputs<'n>(
    graph: &'n GraphDef,
    nodes: &Nodes<'_>,
    options: &'n ImportOptions,
) -> Result<Vec<Reference<'n>>, Error> {
    if !options.outputs.is_empty() {
        return references(nodes, &options.outputs);
    }
    let read: HashSet<&str> =
        graph.node.iter().flat_map(|node| &node.input).map(|input| Reference::new(input).node).collect();
    let unread =
        |node: &&NodeDef| !read.contains(node.name.as_str()) && !NO_OUTPUTS.contains(&node.op.as_str());
    let outputs: Vec<_> = graph.node.iter().filter(unread).map(|node| Reference::new(&node.name)).collect();
    if outputs.is_empty() {
        return Err(Error::model("graph", "every node is read by another: name the outputs"));
    }
    Ok(outputs)
}
