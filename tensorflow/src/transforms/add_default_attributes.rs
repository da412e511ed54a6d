//! `add_default_attributes`: attributes that are missing get the values that they have anyway.

use super::context::Context;
use super::{Transform, TransformError};
use crate::proto::NodeDef;
use crate::registry::Operator;

pub(super) static TRANSFORM: Transform = Transform {
    name: "add_default_attributes",
    parameters: &[],
    summary: "fills in missing attributes that have a default",
    run,
};

fn run(mut nodes: Vec<NodeDef>, _: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    nodes.iter_mut().for_each(fill);
    Ok(nodes)
}

/// Fills in the defaults of a node; those of an operator that TensorFlow 1.15 does not have are not known.
pub(super) fn fill(node: &mut NodeDef) {
    for (name, value) in Operator::find(&node.op).into_iter().flat_map(Operator::defaults) {
        if !node.attr.contains_key(name) {
            node.attr.insert(name.to_owned(), value);
        }
    }
}
