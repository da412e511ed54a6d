//! `fold_constants`: what depends on constants alone is computed, and nodes that the outputs do not need go.
//!
//! As in the tool, nodes come out with the defaults of their attributes, without `_output_shapes`, and name the graph's inputs with
//! their port; new constants follow the other nodes, then the inputs. Only the operators of [`crate::evaluate`] are computed, and
//! `Shape` of a placeholder; the tool computes all that have no state.

mod constants;
mod imported;

use std::collections::{BTreeMap, HashMap, HashSet};

use super::context::Context;
use super::{Transform, TransformError, add_default_attributes};
use crate::node::{Input, constant, node_name};
use crate::proto::NodeDef;
use constants::Constants;
use imported::Imported;

pub(super) static TRANSFORM: Transform = Transform {
    name: "fold_constants",
    parameters: &["exclude_op…", "exclude_node…", "max_constant_size_in_bytes", "clear_output_shapes"],
    summary: "computes what depends on constants alone, and keeps what the outputs need",
    run,
};

/// The most bytes of a constant that takes the place of a node, unless a parameter says otherwise: 10 MiB.
const MAX_SIZE: i64 = 10 << 20;

fn run(nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let max_size = context.integer("max_constant_size_in_bytes", MAX_SIZE)?;
    // Whether they are dropped before or after they are read makes no difference to a graph whose shapes are right.
    context.flag("clear_output_shapes", true)?;
    let inputs = inputs_as_they_are(&nodes, context)?;
    let imported = Imported::new(nodes, context)?;
    let constants = Constants::new(&imported, context)?;
    let mut new = BTreeMap::new();
    for (node, port) in constants.read_by_others(&imported) {
        let Some(value) = constants.output(node, port) else { continue };
        let size = value.data.len().saturating_mul(value.data.bytes_per_element());
        if i64::try_from(size).is_ok_and(|size| size <= max_size) {
            new.insert((imported.nodes[node].name.clone(), port), (node, value));
        }
    }
    let mut names = HashMap::new();
    let mut added = Vec::new();
    for (index, ((name, port), (node, value))) in new.into_iter().enumerate() {
        let name = format!("{name}/_{index}__cf__{}", context.folded);
        context.folded += 1;
        let mut folded = constant(&name, value.to_tensor());
        folded.input.extend(constants.control(node).map(|index| format!("^{}", imported.nodes[index].name)));
        added.push(folded);
        names.insert((node, port), name);
    }
    let mut result: Vec<NodeDef> = imported.kept().map(|index| imported.written(index, &names, &constants)).collect();
    result.extend(added);
    let known: HashSet<String> = result.iter().map(|node| node.name.clone()).collect();
    result.extend(inputs.into_iter().filter(|input| !known.contains(&input.name)));
    let result = without_unused(result, context)?;
    result.into_iter().map(|node| as_placeholder(node, context)).collect()
}

/// The nodes that are inputs, the last first: they come back as they are.
fn inputs_as_they_are(nodes: &[NodeDef], context: &Context) -> Result<Vec<NodeDef>, TransformError> {
    let mut inputs: Vec<NodeDef> = Vec::new();
    for input in context.inputs.iter().rev() {
        let name = node_name(input);
        let node = nodes.iter().rev().find(|node| node.name == name).ok_or_else(|| {
            TransformError::Invalid(format!("FeedInputs: unable to find feed output {input}"))
        })?;
        if inputs.iter().all(|known| known.name != name) {
            inputs.push(node.clone());
        }
    }
    Ok(inputs)
}

/// The nodes that outputs depend on, and the inputs.
fn without_unused(nodes: Vec<NodeDef>, context: &Context) -> Result<Vec<NodeDef>, TransformError> {
    let by_name: HashMap<&str, &NodeDef> = nodes.iter().map(|node| (node.name.as_str(), node)).collect();
    let inputs: HashSet<String> = context.inputs.iter().map(|input| Input::parse(input).canonical()).collect();
    let mut used: HashSet<&str> = HashSet::new();
    let mut waiting: Vec<&str> = context.outputs.iter().map(|output| node_name(output)).collect();
    while let Some(name) = waiting.pop() {
        if !used.insert(name) {
            continue;
        }
        let node = by_name.get(name).ok_or_else(|| {
            TransformError::Invalid(format!("Bad graph structure, no node named '{name}' found for input lookup"))
        })?;
        let read = node.input.iter().filter(|input| !inputs.contains(&Input::parse(input).canonical()));
        waiting.extend(read.map(|input| node_name(input)));
    }
    used.extend(context.inputs.iter().map(|input| node_name(input)));
    let used: HashSet<String> = used.into_iter().map(str::to_owned).collect();
    Ok(nodes.into_iter().filter(|node| used.contains(&node.name)).collect())
}

fn as_placeholder(mut node: NodeDef, context: &Context) -> Result<NodeDef, TransformError> {
    if context.inputs.iter().any(|input| node_name(input) == node.name) {
        match node.op.as_str() {
            "Placeholder" => {}
            "PlaceholderWithDefault" => {
                "Placeholder".clone_into(&mut node.op);
                node.input.clear();
            }
            op => {
                return Err(TransformError::Invalid(format!(
                    "Input '{}' was expected to be a Placeholder or PlaceholderWithDefault op, but was {op}",
                    node.name
                )));
            }
        }
    }
    Ok(node)
}
