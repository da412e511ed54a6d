//! `fuse_resize_pad_and_conv`: bilinear resizing, a mirrored border and a convolution become one operator.

use super::context::Context;
use super::shared::fusion::{data, distinct};
use super::shared::pattern::Pattern;
use super::shared::replace::{Missing, replace};
use super::{Transform, TransformError};
use crate::node::Builder;
use crate::proto::NodeDef;

pub(super) static TRANSFORM: Transform = Transform {
    name: "fuse_resize_pad_and_conv",
    parameters: &[],
    summary: "fuses ResizeBilinear, MirrorPad and Conv2D",
    run,
};

fn run(nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let pad = Pattern::with("MirrorPad", [Pattern::op("ResizeBilinear"), Pattern::any()]);
    let pattern = Pattern::with("Conv2D", [pad, Pattern::any()]);
    let (nodes, _) = replace(&nodes, &pattern, Missing::KeepMatch, context, |found| {
        let (conv, pad, resize) = (found.at(&[]), found.at(&[0]), found.at(&[0, 0]));
        let fused = Builder::new(&conv.name, "FusedResizeAndPadConv2D")
            .inputs(data(resize, [0, 1]))
            .inputs(data(pad, [1]))
            .inputs(data(conv, [1]))
            .copied_as(resize, "align_corners", "resize_align_corners")
            .copied(pad, "mode")
            .copied(conv, "T")
            .copied(conv, "padding")
            .copied(conv, "strides")
            .build();
        Ok(distinct([found.at(&[1]), found.at(&[0, 1])], [fused]))
    })?;
    Ok(nodes)
}
