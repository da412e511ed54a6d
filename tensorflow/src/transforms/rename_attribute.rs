//! `rename_attribute`: an attribute gets another name.

use super::context::Context;
use super::{Transform, TransformError};
use crate::proto::NodeDef;

pub(super) static TRANSFORM: Transform = Transform {
    name: "rename_attribute",
    parameters: &["old_attribute_name", "new_attribute_name", "op_name…"],
    summary: "renames an attribute, of all operators or of some",
    run,
};

fn run(mut nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let names = (context.all("old_attribute_name"), context.all("new_attribute_name"));
    let ([old], [new]) = names else {
        return Err(TransformError::invalid(
            "rename_attribute expects exactly one 'old_attribute_name' and one 'new_attribute_name' argument, \
             e.g. rename_attribute(old_attribute_name=foo, new_attribute_name=bar)",
        ));
    };
    let ops = context.all("op_name");
    for node in nodes.iter_mut().filter(|node| ops.is_empty() || ops.contains(&node.op)) {
        if let Some(value) = node.attr.remove(old) {
            node.attr.insert(new.clone(), value);
        }
    }
    Ok(nodes)
}
