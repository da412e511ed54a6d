//! Finds operators of a graph that are not implemented.

use std::collections::BTreeMap;

use crate::{Error, Graph, MissingOperator};

/// An error that lists all operators of `graph` that are not implemented, each with its nodes.
pub(crate) fn check(graph: &Graph) -> Result<(), Error> {
    let mut missing: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for node in graph.nodes.iter().filter(|node| node.operator().is_none()) {
        missing.entry((node.op.domain(), node.op.as_str())).or_default().push(node.name.clone());
    }
    if missing.is_empty() {
        return Ok(());
    }
    let operator = |((domain, op), nodes): ((&str, &str), Vec<String>)| MissingOperator {
        op: op.to_owned(),
        domain: domain.to_owned(),
        nodes,
    };
    Err(Error::MissingOperators(missing.into_iter().map(operator).collect()))
}
