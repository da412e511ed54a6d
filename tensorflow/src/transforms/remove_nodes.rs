//! `remove_nodes`: nodes that pass their first input on, such as `Identity`, go.

use std::collections::HashSet;

use super::context::Context;
use super::shared::pattern::Pattern;
use super::shared::rename::Renames;
use super::shared::replace::{Missing, replace};
use super::{Transform, TransformError};
use crate::node::Input;
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
            for pass in 0.. {
                context.repeat(pass, nodes.len())?;
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
