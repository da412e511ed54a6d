//! `fuse_pad_and_conv`: a mirrored border and a convolution become one operator.

use super::context::Context;
use super::shared::fusion::{data, distinct};
use super::shared::pattern::Pattern;
use super::shared::replace::{Missing, replace};
use super::{Transform, TransformError};
use crate::node::Builder;
use crate::proto::NodeDef;

pub(super) static TRANSFORM: Transform = Transform {
    name: "fuse_pad_and_conv",
    parameters: &[],
    summary: "fuses MirrorPad and Conv2D",
    run,
};

fn run(nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let pad = Pattern::with("MirrorPad", [Pattern::any(), Pattern::any()]);
    let pattern = Pattern::with("Conv2D", [pad, Pattern::any()]);
    let (nodes, _) = replace(&nodes, &pattern, Missing::KeepMatch, context, |found| {
        let (conv, pad) = (found.at(&[]), found.at(&[0]));
        let fused = Builder::new(&conv.name, "FusedPadConv2D")
            .inputs(data(pad, [0, 1]))
            .inputs(data(conv, [1]))
            .copied(pad, "mode")
            .copied(conv, "T")
            .copied(conv, "padding")
            .copied(conv, "strides")
            .build();
        Ok(distinct([found.at(&[1]), found.at(&[0, 0]), found.at(&[0, 1])], [fused]))
    })?;
    Ok(nodes)
}
