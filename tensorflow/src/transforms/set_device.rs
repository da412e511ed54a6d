//! `set_device`: nodes run on a device.

use super::context::Context;
use super::{Transform, TransformError};
use crate::proto::NodeDef;

pub(super) static TRANSFORM: Transform = Transform {
    name: "set_device",
    parameters: &["device", "if_default"],
    summary: "sets the device of every node, or of those without one",
    run,
};

fn run(mut nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let device = context.text("device")?.unwrap_or_default();
    let if_default = context.flag("if_default", false)?;
    let chosen = nodes.iter_mut().filter(|node| !if_default || node.device.is_empty());
    chosen.for_each(|node| device.clone_into(&mut node.device));
    Ok(nodes)
}
