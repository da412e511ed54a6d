//! `fuse_resize_and_conv`: bilinear resizing and a convolution become one operator.

use super::context::Context;
use super::shared::fusion::{data, distinct};
use super::shared::pattern::Pattern;
use super::shared::replace::{Missing, replace};
use super::{Transform, TransformError};
use crate::evaluate::{Data, Value};
use crate::node::{Builder, constant};
use crate::proto::NodeDef;

pub(super) static TRANSFORM: Transform = Transform {
    name: "fuse_resize_and_conv",
    parameters: &[],
    summary: "fuses ResizeBilinear and Conv2D",
    run,
};

fn run(nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let pattern = Pattern::with("Conv2D", [Pattern::op("ResizeBilinear"), Pattern::any()]);
    let (nodes, _) = replace(&nodes, &pattern, Missing::KeepMatch, context, |found| {
        let (conv, resize) = (found.at(&[]), found.at(&[0]));
        // A border of no pixels.
        let name = format!("{}_dummy_paddings", conv.name);
        let borders = Value { shape: vec![4, 2], data: Data::I32(vec![0; 8]) };
        let fused = Builder::new(&conv.name, "FusedResizeAndPadConv2D")
            .inputs(data(resize, [0, 1]))
            .input(&name)
            .inputs(data(conv, [1]))
            .copied_as(resize, "align_corners", "resize_align_corners")
            .text("mode", "REFLECT")
            .copied(conv, "T")
            .copied(conv, "padding")
            .copied(conv, "strides")
            .build();
        Ok(distinct([found.at(&[1])], [constant(name, borders.to_content()), fused]))
    })?;
    Ok(nodes)
}
