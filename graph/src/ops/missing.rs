//! Finds nodes of a graph that cannot run.

use std::collections::{BTreeMap, HashSet};

use crate::{Error, Graph, MissingOperator, Node, quoted};

/// An error if operators of `graph` are not implemented; it lists all of them, each with its nodes.
pub(crate) fn check(graph: &Graph) -> Result<(), Error> {
    Error::all(errors(graph))
}

/// The operators of `graph` that are not implemented, and the branches that are not chosen.
pub(crate) fn errors(graph: &Graph) -> Vec<Error> {
    let mut missing: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    let mut branches = Vec::new();
    for node in graph.nodes.iter().filter(|node| node.operator().is_none()) {
        if node.branches().is_some() {
            branches.push(node);
        } else {
            missing.entry((node.op.domain(), node.op.as_str())).or_default().push(node.name.clone());
        }
    }
    let operator = |((domain, op), nodes): ((&str, &str), Vec<String>)| MissingOperator {
        op: op.to_owned(),
        domain: domain.to_owned(),
        nodes,
    };
    let mut errors = Vec::new();
    if !missing.is_empty() {
        errors.push(Error::MissingOperators(missing.into_iter().map(operator).collect()));
    }
    if !branches.is_empty() {
        let why = undecided(graph, &branches);
        errors.extend(branches.into_iter().map(|node| Error::unsupported(node, why.as_str())));
    }
    errors
}

/// Why the conditions of these nodes are not known.
fn undecided(graph: &Graph, branches: &[&Node]) -> String {
    let producers = graph.producers().unwrap_or_default();
    let given = graph.input_names();
    let mut inputs = Vec::new();
    let mut seen = HashSet::new();
    let mut open: Vec<&str> = branches.iter().filter_map(|node| node.input(0)).collect();
    while let Some(value) = open.pop().filter(|_| inputs.len() < LISTED) {
        if !seen.insert(value) {
            continue;
        }
        match producers.get(value) {
            Some(&index) => open.extend(graph.nodes[index].inputs.iter().map(String::as_str)),
            None if given.contains(value) => inputs.push(quoted(value).to_string()),
            None => {}
        }
    }
    let on = match inputs.len() {
        0 => "values that are computed in a run".to_owned(),
        1 => format!("input {}", inputs.join(", ")),
        _ => format!("inputs {}", inputs.join(", ")),
    };
    format!(
        "which branch runs depends on {on}: fix its elements (--fix NAME=VALUE) or its shape (--shape NAME=1,3,…)"
    )
}

/// The most inputs that a message lists.
const LISTED: usize = 8;
