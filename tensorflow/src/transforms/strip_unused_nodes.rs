//! `strip_unused_nodes`: what the outputs do not need goes, and the graph's inputs become placeholders.

use std::collections::HashSet;

use super::context::Context;
use super::shared::graph::by_name;
use super::{Transform, TransformError};
use crate::data_types;
use crate::node::{Builder, node_name};
use crate::proto::{DataType, Dim, NodeDef, TensorShapeProto, Value};

pub(super) static TRANSFORM: Transform = Transform {
    name: "strip_unused_nodes",
    parameters: &["type", "shape", "name…", "type_for_name…", "shape_for_name…"],
    summary: "keeps what the outputs need of the inputs, which become placeholders",
    run,
};

fn run(nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let inputs: HashSet<&str> = context.inputs.iter().map(|name| node_name(name)).collect();
    let names = by_name(&nodes);
    let mut required = inputs.clone();
    let mut waiting: Vec<&str> = context.outputs.iter().map(|name| node_name(name)).collect();
    let mut visited = HashSet::new();
    while let Some(name) = waiting.pop() {
        required.insert(name);
        if inputs.contains(name) || !visited.insert(name) {
            continue;
        }
        let Some(&index) = names.get(name) else {
            return Err(TransformError::Invalid(format!("Input node {name} not found in graph")));
        };
        waiting.extend(nodes[index].input.iter().map(|input| node_name(input)));
    }
    let kept = nodes.iter().filter(|node| required.contains(node.name.as_str()));
    let placed = kept.map(|node| match inputs.contains(node.name.as_str()) && node.op != "Placeholder" {
        true => placeholder(&node.name, context),
        false => Ok(node.clone()),
    });
    placed.collect()
}

fn placeholder(name: &str, context: &Context) -> Result<NodeDef, TransformError> {
    let types = Choice {
        default: "type",
        of_name: "type_for_name",
        example: "strip_unused_nodes(name=foo, type_for_name=float, name=bar, type_for_name=quint8",
    };
    let data_type = types.find(name, context)?.map_or(Ok(DataType::Float as i32), |text| {
        data_types::parse(text)
            .ok_or_else(|| TransformError::Invalid(format!("Couldn't understand type argument '{text}'")))
    })?;
    let shapes = Choice {
        default: "shape",
        of_name: "shape_for_name",
        example: "strip_unused_nodes(name=foo, shape_for_name=\"2,2,1\", name=bar, shape_for_name=\"1\"",
    };
    let shape = shapes.find(name, context)?.map_or_else(|| Ok(TensorShapeProto::default()), shape)?;
    Ok(Builder::new(name, "Placeholder")
        .attribute("dtype", Value::Type(data_type))
        .attribute("shape", Value::Shape(shape))
        .build())
}

/// A parameter that has a value for all inputs, and values for some.
struct Choice {
    default: &'static str,
    of_name: &'static str,
    example: &'static str,
}

impl Choice {
    fn find<'a>(&self, name: &str, context: &'a Context) -> Result<Option<&'a str>, TransformError> {
        let Self { default, of_name, example } = self;
        let value = match context.all(default) {
            [] => None,
            [value] => Some(value.as_str()),
            _ => {
                let reason = format!("You must pass no more than one default '{default}' to strip_unused_nodes");
                return Err(TransformError::Invalid(reason));
            }
        };
        let (names, values) = (context.all("name"), context.all(of_name));
        if names.len() != values.len() {
            let reason = format!("You must pass a '{of_name}' arg for every 'name', e.g. {example}");
            return Err(TransformError::Invalid(reason));
        }
        let own = names.iter().zip(values).rfind(|(known, _)| *known == name);
        Ok(own.map(|(_, value)| value.as_str()).or(value))
    }
}

fn shape(text: &str) -> Result<TensorShapeProto, TransformError> {
    if text.is_empty() {
        return Err(TransformError::invalid("Specified shape is empty."));
    }
    let size = |size: &str| Some(Dim { size: size.trim().parse().ok()?, ..Dim::default() });
    match text.split(',').map(size).collect() {
        Some(dim) => Ok(TensorShapeProto { dim, unknown_rank: false }),
        None => Err(TransformError::Invalid(format!("Could parse as shape: '{text}'"))),
    }
}
