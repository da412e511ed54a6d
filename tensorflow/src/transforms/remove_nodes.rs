//! `remove_nodes`: nodes that pass their first input on, such as `Identity`, go.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::context::Context;
use super::shared::graph::{by_name, readers};
use super::shared::order::execution_order;
use super::shared::pattern::{Pattern, data_inputs, match_at};
use super::shared::rename::Renames;
use super::shared::replace::{Missing, replace};
use super::{Transform, TransformError};
use crate::node::{Input, node_name};
use crate::proto::NodeDef;

pub(super) static TRANSFORM: Transform = Transform {
    name: "remove_nodes",
    parameters: &["op…", "max_inputs"],
    summary: "bypasses nodes with some operators, but inputs and outputs of the graph",
    run,
};

/// The most inputs that `max_inputs` may ask for: each number of inputs is a pass over the graph.
const MAX_INPUTS: i32 = 64;

fn run(mut nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    if !context.has("op") {
        return Err(TransformError::invalid(
            "remove_nodes expects at least one 'op'argument, e.g. remove_nodes(op=Identity)",
        ));
    }
    let max_inputs = context.integer("max_inputs", 1)?;
    if max_inputs > MAX_INPUTS {
        return Err(TransformError::Invalid(format!("max_inputs is {max_inputs}: at most {MAX_INPUTS}")));
    }
    let required = context.required();
    for op in context.all("op").to_vec() {
        for inputs in 1..=usize::try_from(max_inputs).unwrap_or_default() {
            let pattern = Pattern::with(&op, (0..inputs).map(|_| Pattern::any()).collect::<Vec<_>>());
            loop {
                if !context.may_repeat(nodes.len()) {
                    nodes = bypassed(nodes, &pattern, &required)?;
                    break;
                }
                let mut renames = Renames::default();
                let mut removed = false;
                let (replaced, _) = replace(&nodes, &pattern, Missing::Accept, context, |found| {
                    let (head, input) = (found.at(&[]), found.at(&[0]));
                    if required.contains(&head.name) {
                        return Ok(found.original());
                    }
                    removed = true;
                    let reads = |name: &&String| {
                        let parsed = Input::parse(name);
                        !parsed.is_control && parsed.node == input.name
                    };
                    let source = head.input.iter().find(reads).unwrap_or(&input.name);
                    renames.add(&head.name, source);
                    renames.add(format!("^{}", head.name), format!("^{}", input.name));
                    // The tool drops the other inputs even if other nodes read them.
                    let needed = |&input: &usize| {
                        let node = found.at(&[input]);
                        found.is_used_elsewhere(&[input]) || required.contains(&node.name)
                    };
                    let others = (1..inputs).filter(needed).map(|input| found.at(&[input]));
                    let mut kept = vec![input.clone()];
                    for other in others {
                        if kept.iter().all(|node| node.name != other.name) {
                            kept.push(other.clone());
                        }
                    }
                    Ok(kept)
                })?;
                nodes = replaced;
                renames.apply(&mut nodes, &HashSet::new())?;
                if !removed {
                    break;
                }
            }
        }
    }
    Ok(nodes)
}

/// The nodes without all heads of `pattern`, which go in one pass, and without other inputs that they alone read. What they read
/// moves to the place of the last one that is bypassed, as in passes that bypass one after the other.
fn bypassed(
    mut nodes: Vec<NodeDef>,
    pattern: &Pattern<'_>,
    required: &BTreeSet<String>,
) -> Result<Vec<NodeDef>, TransformError> {
    let (order, _) = execution_order(&nodes);
    let names = by_name(&nodes);
    let mut runs = vec![false; nodes.len()];
    order.iter().for_each(|&index| runs[index] = true);
    let position = |name: &str| names.get(name).copied().filter(|&index| runs[index]);
    // How many nodes that are left read a node.
    let mut reads: HashMap<&str, usize> =
        readers(&nodes).into_iter().map(|(name, readers)| (name, readers.len())).collect();
    // For bypassed nodes, what to read instead; and the nodes of that.
    let mut sources: HashMap<&str, String> = HashMap::new();
    let mut is_source = vec![false; nodes.len()];
    let mut gone = vec![false; nodes.len()];
    let mut places: Vec<usize> = (0..nodes.len()).collect();
    for head in order {
        let node = &nodes[head];
        let Some(matched) = match_at(&nodes, head, pattern, &position) else { continue };
        let Some(first) = data_inputs(node).next().filter(|_| !required.contains(&node.name)) else { continue };
        let resolved = match Input::parse(first) {
            Input { port: None | Some("0"), node, .. } => sources.get(node),
            _ => None,
        };
        let source = resolved.unwrap_or(first).clone();
        if let Some(at) = position(node_name(&source)) {
            (places[at], is_source[at]) = (head, true);
        }
        sources.insert(&node.name, source);
        gone[head] = true;
        for input in &node.input {
            reads.entry(node_name(input)).and_modify(|reads| *reads -= 1);
        }
        // The tool drops the other inputs even if other nodes read them.
        for other in matched.inputs.iter().skip(1).map(|other| other.node) {
            let name = nodes[other].name.as_str();
            gone[other] |= !is_source[other] && !required.contains(name) && reads.get(name) == Some(&0);
        }
    }
    let mut renames = Renames::default();
    for (head, source) in sources {
        renames.add(format!("^{head}"), format!("^{}", node_name(&source)));
        renames.add(head, source);
    }
    let placed = places.into_iter().zip(nodes).zip(gone).filter(|(_, gone)| !gone);
    let mut placed: Vec<(usize, NodeDef)> = placed.map(|(placed, _)| placed).collect();
    placed.sort_by_key(|(place, _)| *place);
    nodes = placed.into_iter().map(|(_, node)| node).collect();
    renames.apply(&mut nodes, &HashSet::new())?;
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::Builder;

    fn names(nodes: &[NodeDef]) -> Vec<String> {
        nodes.iter().map(|node| format!("{}({})", node.name, node.input.join(","))).collect()
    }

    /// What one pass leaves is what many leave.
    #[test]
    fn one_pass_is_many() {
        let node = |name: &str, op: &str, inputs: &[&str]| {
            Builder::new(name, op).inputs(inputs.iter().map(|&input| input.to_owned())).build()
        };
        let nodes = vec![
            node("b", "Identity", &["x:1"]),
            node("x", "Split", &[]),
            node("c", "Identity", &["b"]),
            node("two", "Identity", &["c:0", "w"]),
            node("w", "Const", &[]),
            node("a", "Identity", &["x:1", "^c"]),
            node("shared", "Const", &[]),
            node("more", "Identity", &["x", "shared"]),
            node("last", "Identity", &["b"]),
            node("end", "AddN", &["a", "two", "b", "more", "shared", "^c", "last"]),
            node("o", "Identity", &["end"]),
        ];
        let run = |searched: usize| {
            let parameters = [("op", "Identity"), ("max_inputs", "2")];
            let parameters = parameters.map(|(name, value)| (name.to_owned(), vec![value.to_owned()]));
            let outputs = vec!["o".to_owned()];
            let mut context = Context { parameters: parameters.into(), outputs, searched, ..Context::default() };
            names(&super::run(nodes.clone(), &mut context).expect("a graph"))
        };
        let (passes, one) = (run(0), run(usize::MAX));
        assert!(one.contains(&"end(x:1,x:1,x:1,x,shared,^x,x:1)".to_owned()), "{one:?}");
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        assert_eq!(sorted(one), sorted(passes));
    }
}
