//! `rename_op`: nodes get another operator.

use super::context::Context;
use super::{Transform, TransformError};
use crate::proto::NodeDef;

pub(super) static TRANSFORM: Transform = Transform {
    name: "rename_op",
    parameters: &["old_op_name", "new_op_name"],
    summary: "replaces an operator by another one with the same attributes",
    run,
};

fn run(mut nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let ([old], [new]) = (context.all("old_op_name"), context.all("new_op_name")) else {
        return Err(TransformError::invalid(
            "rename_op expects exactly one 'old_op_name' and 'new_op_name' argument, \
             e.g. rename_op(old_op_name=Mul, new_op_name=Multiply)",
        ));
    };
    nodes.iter_mut().filter(|node| node.op == *old).for_each(|node| new.clone_into(&mut node.op));
    Ok(nodes)
}
