//! `backport_concatv2`: `ConcatV2` becomes `Concat`, whose axis is the first input.

use super::context::Context;
use super::{Transform, TransformError};
use crate::proto::NodeDef;

pub(super) static TRANSFORM: Transform = Transform {
    name: "backport_concatv2",
    parameters: &[],
    summary: "replaces ConcatV2 by Concat",
    run,
};

fn run(mut nodes: Vec<NodeDef>, _: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    for node in nodes.iter_mut().filter(|node| node.op == "ConcatV2") {
        "Concat".clone_into(&mut node.op);
        node.attr.remove("Tidx");
        // Control inputs stay behind the others. The tool takes the last input, whatever it is.
        let data = node.input.iter().take_while(|input| !input.starts_with('^')).count();
        if let Some(inputs) = node.input.get_mut(..data) {
            inputs.rotate_right(usize::from(data > 0));
        }
    }
    Ok(nodes)
}
