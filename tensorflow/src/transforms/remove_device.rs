//! `remove_device`: nodes run wherever they can.

use super::context::Context;
use super::{Transform, TransformError};
use crate::proto::NodeDef;

pub(super) static TRANSFORM: Transform = Transform {
    name: "remove_device",
    parameters: &[],
    summary: "clears the device of every node",
    run,
};

fn run(mut nodes: Vec<NodeDef>, _: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    nodes.iter_mut().for_each(|node| node.device.clear());
    Ok(nodes)
}
