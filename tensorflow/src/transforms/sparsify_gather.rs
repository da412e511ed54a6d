//! `sparsify_gather`: a column of weights, most of them zeros, becomes a table of the others.
//!
//! Weights are constants: a variable's are in a checkpoint, which is not read. Other than the tool, which removes what other nodes
//! read, the constant and its `Identity` stay where they have other readers, and a graph without a match stays as it is.

use std::collections::HashSet;

use super::context::Context;
use super::shared::batch_norm::debug;
use super::shared::pattern::{Pattern, data_inputs};
use super::shared::replace::{Found, Missing, replace};
use super::shared::turns::replace_in_turn;
use super::{Transform, TransformError};
use crate::evaluate::Value;
use crate::node::{Builder, constant};
use crate::proto::{DataType, NodeDef};

pub(super) static TRANSFORM: Transform = Transform {
    name: "sparsify_gather",
    parameters: &["group_init_node", "input_checkpoint"],
    summary: "replaces Gather from a constant of shape [N, 1] by a look-up in a table of its elements that are not zero",
    run,
};

/// Elements nearer to zero are zeros.
const LEAST: f32 = 1e-5;

fn run(mut nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    if context.has("input_checkpoint") {
        return Err(TransformError::invalid("input_checkpoint: checkpoints are not read; freeze the graph first"));
    }
    let group = context.all("group_init_node").first().map_or("group_deps", String::as_str).to_owned();
    nodes.iter_mut().for_each(|node| drop(node.attr.remove("_output_shapes")));
    let required = context.required();
    let weights = || Pattern::with("Identity", [Pattern::op("Const")]);
    let patterns = [
        Pattern::with("Gather", [weights(), Pattern::any()]),
        Pattern::with("GatherV2", [weights(), Pattern::any(), Pattern::op("Const")]),
    ];
    for pattern in patterns {
        // Matches that share a node are replaced one after the other; each has one Gather less.
        loop {
            let is_last = !context.may_repeat(nodes.len());
            let mut tables = Vec::new();
            let mut made = HashSet::new();
            let replacement = |found: &Found<'_>| {
                let name = &found.at(&[0, 0]).name;
                let is_new = made.insert(name.clone());
                let mut new = look_up(found, is_new)?;
                for path in [&[0][..], &[0, 0]] {
                    let node = found.at(path);
                    if found.is_used_elsewhere(path) || required.contains(&node.name) {
                        new.push(node.clone());
                        // The Identity needs the constant.
                        if path.len() == 1 && !found.is_used_elsewhere(&[0, 0]) {
                            new.push(found.at(&[0, 0]).clone());
                        }
                    }
                }
                if found.at(&[]).op == "GatherV2" && found.is_used_elsewhere(&[2]) {
                    new.push(found.at(&[2]).clone());
                }
                tables.extend(is_new.then(|| format!("^{name}/InitializeTable")));
                Ok(distinct(new))
            };
            nodes = if is_last {
                replace_in_turn(nodes, &pattern, Missing::Accept, context, replacement)?
            } else {
                replace(&nodes, &pattern, Missing::Accept, context, replacement)?.0
            };
            let is_found = !tables.is_empty();
            if is_found {
                initialize(&mut nodes, &group, tables);
                nodes = distinct(nodes);
            }
            if is_last || !is_found {
                break;
            }
        }
    }
    Ok(nodes)
}

/// The nodes of one name once: two look-ups may share a table.
fn distinct(nodes: Vec<NodeDef>) -> Vec<NodeDef> {
    let mut seen = HashSet::new();
    nodes.into_iter().filter(|node| seen.insert(node.name.clone())).collect()
}

/// Lets a node, new if need be, run after the tables are filled.
fn initialize(nodes: &mut Vec<NodeDef>, group: &str, tables: Vec<String>) {
    match nodes.iter_mut().find(|node| node.name == group && node.op == "NoOp") {
        Some(node) => node.input.extend(tables),
        None => nodes.push(Builder::new(group, "NoOp").inputs(tables).build()),
    }
}

/// What replaces a match, with the table unless that is there.
fn look_up(found: &Found<'_>, with_table: bool) -> Result<Vec<NodeDef>, TransformError> {
    let (gather, weights, ids) = (found.at(&[]), found.at(&[0, 0]), found.at(&[1]));
    if gather.op == "GatherV2" {
        let axis = Value::of(found.at(&[2])).map_err(TransformError::Invalid)?.integers();
        let axis = axis.ok_or_else(|| TransformError::invalid("Gather axis was not int32 or int64."))?;
        if axis != [0] {
            let reason = format!("Transform only applicable to subgraph with GatherV2 over axis 0. Found axis {axis:?}.");
            return Err(TransformError::Invalid(reason));
        }
    }
    let of_gather = |part: &str| format!("{}/{part}", gather.name);
    let ids_input = data_inputs(gather).nth(1).unwrap_or(&ids.name);
    let find = Builder::new(of_gather("LookupTableFind"), "LookupTableFind")
        .data_type("Tin", DataType::Int64)
        .data_type("Tout", DataType::Float)
        .inputs([format!("{}/HashTable", weights.name), ids_input.clone(), of_gather("Const")]);
    let expand = Builder::new(&gather.name, "ExpandDims")
        .data_type("T", DataType::Float)
        .inputs(["LookupTableFind", "ExpandDims/Const"].map(of_gather));
    let mut nodes = vec![ids.clone()];
    if with_table {
        nodes.extend(table(weights)?);
    }
    nodes.extend([
        find.build(),
        constant(of_gather("Const"), Value::scalar(0f32).to_content()),
        constant(of_gather("ExpandDims/Const"), Value::scalar(-1i32).to_tensor()),
        expand.build(),
    ]);
    Ok(nodes)
}

/// The table of the weights that are not zero, and what fills it.
fn table(weights: &NodeDef) -> Result<[NodeDef; 4], TransformError> {
    let (shape, elements) = Value::floats(weights).map_err(TransformError::Invalid)?;
    if !matches!(shape.as_slice(), [_, 1]) {
        return Err(TransformError::Invalid(format!(
            "Transform only applicable to subgraph with 'Const' with tensor of shape [N, 1]. But instead get shape {}.",
            debug(&shape)
        )));
    }
    let others = (0..).zip(elements).filter(|(_, element)| element.abs() >= LEAST);
    let (mut indices, mut values): (Vec<i64>, Vec<f32>) = others.unzip();
    if indices.is_empty() {
        // A table is not empty.
        (indices, values) = (vec![0], vec![0.0]);
    }
    let of_weights = |part: &str| format!("{}/{part}", weights.name);
    let table = Builder::new(of_weights("HashTable"), "HashTable")
        .data_type("key_dtype", DataType::Int64)
        .data_type("value_dtype", DataType::Float);
    let fill = Builder::new(of_weights("InitializeTable"), "InitializeTable")
        .data_type("Tkey", DataType::Int64)
        .data_type("Tval", DataType::Float)
        .inputs(["HashTable", "indices", "values"].map(of_weights));
    Ok([
        constant(of_weights("indices"), Value::vector(indices).to_content()),
        constant(of_weights("values"), Value::vector(values).to_content()),
        table.build(),
        fill.build(),
    ])
}
