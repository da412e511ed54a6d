//! `remove_attribute`: nodes without an attribute.

use super::context::Context;
use super::{Transform, TransformError};
use crate::proto::NodeDef;

pub(super) static TRANSFORM: Transform = Transform {
    name: "remove_attribute",
    parameters: &["attribute_name", "op_name…"],
    summary: "drops an attribute, of all operators or of some",
    run,
};

fn run(mut nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let [name] = context.all("attribute_name") else {
        return Err(TransformError::invalid(
            "remove_attribute expects exactly one 'attribute_name' argument, \
             e.g. remove_attribute(op_name=Mul, attribute_name=foo)",
        ));
    };
    let ops = context.all("op_name");
    for node in nodes.iter_mut().filter(|node| ops.is_empty() || ops.contains(&node.op)) {
        node.attr.remove(name);
    }
    Ok(nodes)
}
