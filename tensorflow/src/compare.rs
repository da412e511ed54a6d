//! Says in what two graphs differ, as TensorFlow's `compare_graphs` does: the order of nodes does not matter, nor that of control
//! inputs, nor versions, functions and attributes whose name begins with `_`.

use std::collections::{BTreeMap, BTreeSet};

use crate::proto::{AttrValue, GraphDef, NodeDef};

/// The first difference of a graph from the one that is expected; nothing if they mean the same.
#[must_use]
pub fn difference(found: &GraphDef, expected: &GraphDef) -> Option<String> {
    let mut left: BTreeMap<&str, &NodeDef> = BTreeMap::new();
    for node in &found.node {
        if left.insert(&node.name, node).is_some() {
            return Some(format!("Several nodes are named '{}'", node.name));
        }
    }
    for node in &expected.node {
        match left.remove(node.name.as_str()) {
            Some(found) => {
                if let Some(difference) = node_difference(found, node) {
                    return Some(difference);
                }
            }
            None => return Some(format!("Did not find expected node '{}'", summary(node))),
        }
    }
    left.values().next().map(|node| format!("Found unexpected node '{}'", summary(node)))
}

fn summary(node: &NodeDef) -> String {
    format!("{} = {}({})", node.name, node.op, node.input.join(", "))
}

fn node_difference(found: &NodeDef, expected: &NodeDef) -> Option<String> {
    let name = &expected.name;
    if found.op != expected.op {
        return Some(format!(
            "Node named '{name}' has op '{}' that is not expected '{}'",
            found.op, expected.op
        ));
    }
    if found.device != expected.device {
        let (found, expected) = (&found.device, &expected.device);
        return Some(format!("Node named '{name}' has device '{found}' that is not expected '{expected}'"));
    }
    inputs_difference(found, expected).or_else(|| attributes_difference(found, expected))
}

fn inputs_difference(found: &NodeDef, expected: &NodeDef) -> Option<String> {
    let name = &expected.name;
    if found.input.len() != expected.input.len() {
        let (found, expected) = (found.input.len(), expected.input.len());
        return Some(format!(
            "Node named '{name}' has {found} inputs that don't match the expected {expected}"
        ));
    }
    let control = |node: &NodeDef| {
        node.input.iter().filter(|input| input.starts_with('^')).cloned().collect::<BTreeSet<_>>()
    };
    // The first output is written with its number or without.
    let data = |node: &NodeDef| -> Vec<String> {
        let data = node.input.iter().filter(|input| !input.starts_with('^'));
        data.map(|input| input.strip_suffix(":0").unwrap_or(input).to_owned()).collect()
    };
    for (index, (a, b)) in data(found).iter().zip(data(expected)).enumerate() {
        if *a != b {
            return Some(format!(
                "Node named '{name}' has input {index} '{a}' that doesn't match expected '{b}'"
            ));
        }
    }
    let (found, expected) = (control(found), control(expected));
    let missing = expected.difference(&found).next();
    let missing =
        missing.map(|input| format!("Node named '{name}' missing expected control input '{input}'"));
    missing.or_else(|| {
        let more = found.difference(&expected).next();
        more.map(|input| format!("Node named '{name}' has unexpected control input '{input}'"))
    })
}

fn attributes_difference(found: &NodeDef, expected: &NodeDef) -> Option<String> {
    let name = &expected.name;
    let of_user = |(attribute, _): &(&String, &AttrValue)| !attribute.starts_with('_');
    for (attribute, value) in expected.attr.iter().filter(of_user) {
        match found.attr.get(attribute) {
            Some(found) if found == value => {}
            Some(_) => {
                return Some(format!(
                    "Node named '{name}' has attr '{attribute}' with value that does not match expected"
                ));
            }
            None => return Some(format!("Node named '{name}' missing expected attr '{attribute}'")),
        }
    }
    let mut more =
        found.attr.iter().filter(of_user).filter(|(attribute, _)| !expected.attr.contains_key(*attribute));
    more.next().map(|(attribute, _)| format!("Node named '{name}' has unexpected attr '{attribute}'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Builder;
    use crate::proto::{Value, VersionDef};

    fn graph(nodes: Vec<NodeDef>) -> GraphDef {
        GraphDef { node: nodes, ..GraphDef::default() }
    }

    fn add(inputs: [&str; 4]) -> NodeDef {
        Builder::new("o", "Add").inputs(inputs.map(str::to_owned)).build()
    }

    #[test]
    fn what_does_not_matter() {
        let x = || Builder::new("x", "Placeholder");
        let one = graph(vec![x().build(), add(["x", "x:0", "^a", "^b"])]);
        let hidden = x().attribute("_class", Value::I(1)).build();
        let mut other = graph(vec![add(["x:0", "x", "^b", "^a"]), hidden]);
        other.versions = Some(VersionDef::default());
        assert_eq!(difference(&one, &other), None);
        assert_eq!(difference(&other, &one), None);
    }

    #[test]
    fn what_matters() {
        let one = graph(vec![add(["x", "y", "^a", "^b"])]);
        for (other, word) in [
            (graph(vec![]), "unexpected node 'o = Add"),
            (graph(vec![add(["y", "x", "^a", "^b"])]), "input 0 'x' that doesn't match expected 'y'"),
            (graph(vec![add(["x", "y", "^a", "^c"])]), "control input '^c'"),
            (graph(vec![Builder::new("o", "Sub").build()]), "op 'Add' that is not expected 'Sub'"),
        ] {
            let found = difference(&one, &other).expect("a difference");
            assert!(found.contains(word), "{found}");
        }
    }
}
