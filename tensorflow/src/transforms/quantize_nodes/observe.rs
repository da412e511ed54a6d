//! What a calibration must observe: the tensors that become codes.

use std::collections::{BTreeSet, HashMap, HashSet};

use eightbit_graph::{Error, Graph, quoted};
use eightbit_graph::quantize::Range;

use super::rewrite::{coded_inputs, form};
use crate::evaluate::Value;
use crate::import::{ImportOptions, Reference};
use crate::node::node_name;
use crate::proto::{GraphDef, NodeDef};
use crate::transforms::context::Context;
use crate::transforms::shared::graph::by_name;
use crate::transforms::shared::ranges::Ranges;
use crate::transforms::{Observe, TransformError};

/// The ranges of all tensors of `graph` that `quantize_nodes` makes codes: those of constants, and what `observe` finds for the
/// others.
pub(in crate::transforms) fn observe(
    graph: &GraphDef,
    context: &Context,
    observe: &mut Observe<'_>,
) -> Result<Ranges, TransformError> {
    let failed = |error: Error| TransformError::Invalid(format!("calibration: {error}"));
    let names = by_name(&graph.node);
    let mut wanted = BTreeSet::new();
    let mut ranges = Ranges::new();
    if let Some(output) = context.outputs.iter().find(|output| !names.contains_key(node_name(output))) {
        return Err(TransformError::Invalid(format!("calibration: the graph has no output {}", quoted(output))));
    }
    let needed = needed(&graph.node, &names, context);
    let is_needed = |node: &&NodeDef| context.outputs.is_empty() || needed.contains(node.name.as_str());
    for node in graph.node.iter().filter(is_needed) {
        let Some(operator) = form(node, context)? else { continue };
        wanted.insert(node.name.clone());
        for input in coded_inputs(node, operator) {
            let input = Reference::new(input);
            let source = names.get(input.node).map(|&index| &graph.node[index]);
            match source.filter(|source| source.op == "Const") {
                Some(constant) => {
                    let (_, elements) = Value::floats(constant).map_err(TransformError::Invalid)?;
                    let range = Range::of(&constant.name, &elements).map_err(failed)?;
                    ranges.insert(input.value_name(), range);
                }
                None => drop(wanted.insert(input.value_name())),
            }
        }
    }
    if wanted.is_empty() {
        return Ok(ranges);
    }
    let options = ImportOptions {
        inputs: context.inputs.clone(),
        outputs: wanted.into_iter().collect(),
        ..ImportOptions::default()
    };
    let mut graph = graph.to_live_graph(&options).map_err(failed)?;
    let Graph { outputs, constants, .. } = &mut graph;
    let mut kept = Vec::with_capacity(outputs.len());
    for output in outputs.drain(..) {
        match constants.get(&output.name).map(|tensor| tensor.as_f32()) {
            Some(values) => {
                let range = values.and_then(|values| Range::of(&output.name, values)).map_err(failed)?;
                ranges.insert(output.name, range);
            }
            None => kept.push(output),
        }
    }
    *outputs = kept;
    if !graph.outputs.is_empty() {
        ranges.extend(observe(graph)?);
    }
    Ok(ranges)
}

/// The names of the nodes that the outputs of the graph depend on: of others, there may be no inputs.
fn needed<'a>(nodes: &'a [NodeDef], names: &HashMap<&str, usize>, context: &'a Context) -> HashSet<&'a str> {
    let mut needed = HashSet::new();
    let mut open: Vec<&str> = context.outputs.iter().map(|output| node_name(output)).collect();
    let cut: HashSet<&str> = context.inputs.iter().map(|input| node_name(input)).collect();
    while let Some(name) = open.pop() {
        if needed.insert(name)
            && !cut.contains(name)
            && let Some(&index) = names.get(name)
        {
            open.extend(nodes[index].input.iter().map(|input| node_name(input)));
        }
    }
    needed
}
