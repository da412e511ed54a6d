//! `rename_node`: a node gets another name, which TensorFlow has since 2.2.

use super::context::Context;
use super::{Transform, TransformError};
use crate::node::Input;
use crate::proto::NodeDef;

pub(super) static TRANSFORM: Transform = Transform {
    name: "rename_node",
    parameters: &["old_node_name", "new_node_name"],
    summary: "renames a node",
    run,
};

fn run(mut nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let ([old], [new]) = (context.all("old_node_name"), context.all("new_node_name")) else {
        return Err(TransformError::invalid(
            "rename_node expects exactly one 'old_node_name' and one 'new_node_name' argument, \
             e.g. rename_node(old_node_name=super/deep/output, new_node_name=output)",
        ));
    };
    if nodes.iter().any(|node| node.name == *new) {
        return Err(TransformError::Invalid(format!("A node is already using {new} as name.")));
    }
    for node in &mut nodes {
        if node.name == *old {
            new.clone_into(&mut node.name);
        }
        for input in &mut node.input {
            let parsed = Input::parse(input);
            if parsed.node == old {
                *input = parsed.renamed(new);
            }
        }
    }
    Ok(nodes)
}
