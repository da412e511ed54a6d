//! `remove_control_dependencies`: only data orders the nodes.

use super::context::Context;
use super::{Transform, TransformError};
use crate::proto::NodeDef;

pub(super) static TRANSFORM: Transform = Transform {
    name: "remove_control_dependencies",
    parameters: &[],
    summary: "drops control inputs",
    run,
};

fn run(mut nodes: Vec<NodeDef>, _: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    nodes.iter_mut().for_each(|node| node.input.retain(|input| !input.starts_with('^')));
    Ok(nodes)
}
