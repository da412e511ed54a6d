//! `flatten_atrous_conv`: a convolution with holes, written as a smaller one on pieces of the image, becomes one whose weights have
//! zeros between them.
//!
//! Where the tool aborts, here the data format is that of the operator's default, and what else is missing is an error.

use super::context::Context;
use super::shared::batch_norm::debug;
use super::shared::pattern::Pattern;
use super::shared::replace::{Found, Missing, replace};
use super::{Transform, TransformError};
use crate::evaluate::{Data, MAX_REPEATED, Value};
use crate::node::{Builder, constant};
use crate::proto::NodeDef;

pub(super) static TRANSFORM: Transform = Transform {
    name: "flatten_atrous_conv",
    parameters: &[],
    summary: "replaces SpaceToBatchND, a convolution and BatchToSpaceND by a convolution with larger weights",
    run,
};

fn run(nodes: Vec<NodeDef>, context: &mut Context) -> Result<Vec<NodeDef>, TransformError> {
    let any = Pattern::any;
    let conv = [Pattern::with("SpaceToBatchND", [any(), any(), any()]), any()];
    let conv = Pattern::with("Conv2D|DepthwiseConv2dNative", conv);
    let pattern = Pattern::with("BatchToSpaceND", [conv, any(), any()]);
    let mut left = MAX_REPEATED;
    let (nodes, _) = replace(&nodes, &pattern, Missing::KeepMatch, context, |found| flatten(found, &mut left))?;
    Ok(nodes)
}

/// `left` elements of all weights may still be made.
fn flatten(found: &Found<'_>, left: &mut usize) -> Result<Vec<NodeDef>, TransformError> {
    let (head, conv, weights) = (found.at(&[]), found.at(&[0]), found.at(&[0, 1]));
    let blocks = Value::of(found.at(&[0, 0, 1])).map_err(TransformError::Invalid)?;
    let blocks = blocks.integers().unwrap_or_default();
    let (shape, elements) = Value::floats(weights).map_err(TransformError::Invalid)?;
    let bad = || {
        TransformError::Invalid(format!(
            "{}: weights of shape {} cannot be spread by block shape {blocks:?}",
            conv.name,
            debug(&shape)
        ))
    };
    let (&[height, width, inputs, outputs], &[rows, columns]) = (shape.as_slice(), blocks.as_slice()) else {
        return Err(bad());
    };
    let spread = |size: usize, block: i64| {
        let block = usize::try_from(block).ok().filter(|&block| block > 0)?;
        Some((size.checked_sub(1)?.checked_mul(block)?.checked_add(1)?, block))
    };
    let ((new_height, rows), (new_width, columns)) = spread(height, rows).zip(spread(width, columns)).ok_or_else(bad)?;
    let pixel = inputs.saturating_mul(outputs);
    let count = new_height.checked_mul(new_width).and_then(|pixels| pixels.checked_mul(pixel));
    let count = count.ok_or_else(bad)?;
    *left = left.checked_sub(count).ok_or_else(bad)?;
    let mut spread = vec![0.0; count];
    for (index, source) in elements.chunks(pixel.max(1)).enumerate() {
        let start = ((index / width) * rows * new_width + (index % width) * columns) * pixel;
        spread[start..start + pixel].copy_from_slice(source);
    }
    let tensor = Value { shape: vec![new_height, new_width, inputs, outputs], data: Data::F32(spread) };
    let mut flat = Builder::new(&head.name, &conv.op)
        .input(&found.at(&[0, 0, 0]).name)
        .input(&weights.name)
        .copied(conv, "T")
        .copied(conv, "strides")
        .text("padding", "SAME")
        .copied(conv, "data_format");
    if conv.op == "Conv2D" {
        flat = flat.copied(conv, "use_cudnn_on_gpu");
    }
    let mut flat = flat.build();
    flat.device.clone_from(&conv.device);
    if let (Some(input), Some(old)) = (flat.input.first_mut(), found.at(&[0, 0]).input.first()) {
        // Another output than the first.
        if old.contains(':') {
            input.clone_from(old);
        }
    }
    Ok(vec![found.at(&[0, 0, 0]).clone(), constant(&weights.name, tensor.to_content()), flat])
}
