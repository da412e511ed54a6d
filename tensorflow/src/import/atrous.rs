//! Dilated convolutions as TensorFlow writes them: pixels that are a dilation apart become images of a batch, an ordinary convolution
//! runs on these, and the pixels go back to their places.
//!
//! Without the detour it is a convolution with dilations, whose padding is that of the detour without what is cropped after it. The
//! middle may also have nodes that act on each pixel alone.

use std::collections::HashMap;

use eightbit_graph::{Attribute, Error};

use super::importer::Importer;
use super::operation::Operation;
use super::table::Function;

pub(super) const TABLE: &[(&str, Function)] = &[("BatchToSpaceND", leave), ("SpaceToBatchND", enter)];

/// A value of the detour.
#[derive(Clone)]
pub(super) struct Blocks {
    /// The image before the detour.
    pub(super) image: String,
    /// The dilations.
    pub(super) sizes: [i64; 2],
    /// Rows and columns added: top, left, bottom, right.
    pub(super) pads: [i64; 4],
    /// The convolution; none before it.
    pub(super) conv: Option<String>,
}

/// The values of detours by name.
pub(super) type Detours = HashMap<String, Blocks>;

/// Whether an operator may read a value of a detour: a convolution before, what acts on pixels or ends the detour after it.
pub(super) fn may_read(op: &str, blocks: &Blocks) -> bool {
    match op {
        "Conv2D" | "DepthwiseConv2dNative" => blocks.conv.is_none(),
        "BatchToSpaceND" => true,
        _ => blocks.conv.is_some() && acts_on_pixels(op),
    }
}

/// Operators that act on each pixel alone, so that they may stand within the detour.
pub(super) fn acts_on_pixels(op: &str) -> bool {
    matches!(op, "BiasAdd" | "FusedBatchNorm" | "FusedBatchNormV2" | "FusedBatchNormV3" | "Relu" | "Relu6")
}

/// The sizes of blocks, and pairs of numbers of rows and of columns, in the inputs 1 and 2.
fn numbers<'d>(importer: &Importer<'d>, operation: &Operation<'d>) -> Result<([i64; 2], [i64; 4]), Error> {
    let (sizes, pairs) = (importer.integers(operation, 1)?, importer.integers(operation, 2)?);
    match (&sizes[..], &pairs[..]) {
        (&[height, width], &[top, bottom, left, right]) => Ok(([height, width], [top, left, bottom, right])),
        _ => Err(operation.unsupported("blocks that are not of rows and columns")),
    }
}

fn enter<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let (sizes, pads) = numbers(importer, operation)?;
    let image = operation.input(0)?.to_owned();
    Ok(vec![importer.add_detour(operation, Blocks { image, sizes, pads, conv: None })])
}

fn leave<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let (sizes, crops) = numbers(importer, operation)?;
    let value = operation.input(0)?;
    let blocks = importer.end_detour(value);
    let blocks = blocks.filter(|blocks| blocks.sizes == sizes);
    let Some(Blocks { pads, conv: Some(conv), .. }) = blocks else {
        return Err(
            operation.unsupported("blocks that are not around a convolution (SpaceToBatchND before it)")
        );
    };
    let mut rest = pads.to_vec();
    for (pad, crop) in rest.iter_mut().zip(crops) {
        *pad = pad
            .checked_sub(crop)
            .filter(|&pad| pad >= 0)
            .ok_or_else(|| operation.unsupported("more rows or columns cropped than were added"))?;
    }
    if !importer.set_attribute(&conv, "pads", Attribute::Ints(rest)) {
        return Err(operation.unsupported("blocks of a constant image"));
    }
    Ok(vec![value.to_owned()])
}

impl<'d> Importer<'d> {
    /// A value of a detour, which has no node.
    fn add_detour(&mut self, operation: &Operation<'d>, blocks: Blocks) -> String {
        let name = self.fresh(operation, "");
        self.detours.insert(name.clone(), blocks);
        name
    }

    /// Marks the value `name`, which a convolution computes, as one of a detour.
    pub(super) fn set_detour(&mut self, name: &str, blocks: Blocks) {
        self.detours.insert(name.to_owned(), blocks);
    }

    /// The detour of which `name` is a value before its convolution.
    pub(super) fn detour(&self, name: &str) -> Option<&Blocks> {
        self.detours.get(name).filter(|blocks| blocks.conv.is_none())
    }

    /// Takes the value `name` out of its detour.
    fn end_detour(&mut self, name: &str) -> Option<Blocks> {
        self.detours.remove(name)
    }

    /// Changes an attribute of the node `name`; whether there is one.
    fn set_attribute(&mut self, name: &str, attribute: &str, value: Attribute) -> bool {
        let node = self.graph.nodes.iter_mut().rev().find(|node| node.name == name);
        node.map(|node| node.attributes.insert(attribute.to_owned(), value)).is_some()
    }
}
