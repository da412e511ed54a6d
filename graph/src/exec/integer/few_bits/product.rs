//! A product in integers, before its step is made.

use eightbit::Conv2dShape;

use super::{Columns, Grid};
use crate::exec::builder::Builder;
use crate::exec::fallback;
use crate::exec::integer::product::{conv_shape, packed_size};
use crate::exec::value::Layout;
use crate::ops::shared::convolution::Geometry;
use crate::ops::{conv, gemm, matmul};
use crate::{Error, Node};

/// A product of a grid's numbers with constant weights, whose sums are exact.
#[derive(Debug)]
pub(super) struct Product<'g> {
    pub(super) node: &'g Node,
    pub(super) index: usize,
    pub(super) kind: Kind,
    pub(super) weights: Columns,
    pub(super) bias: Option<Vec<f32>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Matrix { rows: usize, depth: usize, columns: usize },
    Convolution(Conv2dShape),
}

impl<'g> Product<'g> {
    /// The only reader of a quantizer's output, if it is a product that integers compute exactly.
    pub(super) fn after(
        builder: &mut Builder<'g>,
        quantizer: &Node,
        grid: Grid,
    ) -> Result<Option<Self>, Error> {
        let output = quantizer.required_output(0)?;
        let Some((index, node)) = builder.only_consumer(output) else { return Ok(None) };
        let is_product = node.is(&conv::OP) || node.is(&matmul::OP) || node.is(&gemm::OP);
        if !is_product || node.input(0) != Some(output) || node.input(1) == Some(output) {
            return Ok(None);
        }
        let Some(weights) = node.input(1) else { return Ok(None) };
        if !fallback::fold_sources(builder, weights)? {
            return Ok(None);
        }
        if let Some(bias) = node.input(2) {
            fallback::fold_sources(builder, bias)?;
        }
        let found = if node.is(&conv::OP) {
            convolution(builder, node, &grid)?
        } else {
            matrix(builder, node, &grid)?
        };
        Ok(found.map(|(kind, weights, bias)| Product { node, index, kind, weights, bias }))
    }

    /// In which layout the step reads and writes.
    pub(super) fn layout(&self) -> Layout {
        match self.kind {
            Kind::Matrix { .. } => Layout::Plain,
            Kind::Convolution(_) => Layout::ChannelsLast,
        }
    }

    /// Whether signs are enough, if the activations are signs.
    pub(super) fn is_binary(&self) -> bool {
        let has_path = match self.kind {
            Kind::Matrix { depth, .. } => fills_words(depth),
            Kind::Convolution(shape) => {
                shape.groups == 1 && fills_words(shape.in_channels) && has_short_lines(&shape)
            }
        };
        has_path && self.weights.are_signs()
    }

    /// Products of an output.
    pub(super) fn depth(&self) -> usize {
        match self.kind {
            Kind::Matrix { depth, .. } => depth,
            Kind::Convolution(shape) => shape.kernel[0] * shape.kernel[1] * shape.in_channels / shape.groups,
        }
    }

    /// Output channels.
    pub(super) fn channels(&self) -> usize {
        match self.kind {
            Kind::Matrix { columns, .. } => columns,
            Kind::Convolution(shape) => shape.out_channels,
        }
    }

    /// Rows of the output: those of a matrix, or pixels.
    pub(super) fn rows(&self) -> usize {
        match self.kind {
            Kind::Matrix { rows, .. } => rows,
            Kind::Convolution(shape) => {
                let [height, width] = shape.output();
                shape.batch * height * width
            }
        }
    }
}

/// Whether bits fill their words of 64 well enough to be faster than bytes, which take about four times as long as whole words.
fn fills_words(bits: usize) -> bool {
    bits.next_multiple_of(64) <= 4 * bits
}

/// Whether the lines that one line of output sees are few, and padding is no more than a part of them: all of them are copied.
fn has_short_lines(shape: &Conv2dShape) -> bool {
    let width = shape.input[1] as u128 + shape.pad.left as u128 + shape.pad.right as u128;
    let bits = shape.kernel[0] as u128 * width * shape.in_channels.next_multiple_of(64) as u128;
    bits <= MAX_BITS && width <= 4 * shape.input[1] as u128 + 64
}

/// Two mebibytes.
const MAX_BITS: u128 = 1 << 24;

/// What is made of a node.
type Found = Option<(Kind, Columns, Option<Vec<f32>>)>;

/// A matrix product, of rows of the grid: `MatMul`, or a `Gemm` with a bias by column.
fn matrix(builder: &Builder<'_>, node: &Node, grid: &Grid) -> Result<Found, Error> {
    let shape = builder.shape(node, 0)?;
    let Some(weights) = builder.constant_input(node, 1) else { return Ok(None) };
    let is_plain = node.float("alpha", 1.0)? == 1.0 && node.float("beta", 1.0)? == 1.0;
    if !is_plain || node.flag("transA", false)? {
        return Ok(None);
    }
    let transposed = node.flag("transB", false)?;
    let (depth, columns) = match *weights.shape() {
        [n, k] if transposed => (k, n),
        [k, n] => (k, n),
        _ => return Ok(None),
    };
    let Some((&width, rows)) = shape.split_last() else { return Ok(None) };
    if width != depth || rows.is_empty() || depth == 0 || columns == 0 {
        return Ok(None);
    }
    let Some(bias) = bias(builder, node, columns) else { return Ok(None) };
    let floats = weights.as_f32()?;
    let weights = Columns::new(grid, columns, depth, |column, k| {
        floats[if transposed { column * depth + k } else { k * columns + column }]
    });
    let Some(weights) = weights else { return Ok(None) };
    builder.count_constants(packed_size(1, depth, columns))?;
    Ok(Some((Kind::Matrix { rows: rows.iter().product(), depth, columns }, weights, bias)))
}

/// A convolution of an image of the grid, whose padding is 0.
fn convolution(builder: &Builder<'_>, node: &Node, grid: &Grid) -> Result<Found, Error> {
    let dims = builder.shape(node, 0)?;
    let Some(weights) = builder.constant_input(node, 1) else { return Ok(None) };
    if dims.len() != 4 || weights.rank() != 4 {
        return Ok(None);
    }
    let geometry = Geometry::new(node, &dims, weights.shape())?;
    let shape = conv_shape(&geometry);
    if geometry.window.is_huge() || shape.check().is_err() {
        return Ok(None);
    }
    let (taps, channels) = (shape.kernel[0] * shape.kernel[1], shape.out_channels);
    let inputs = shape.in_channels / shape.groups;
    let Some(bias) = bias(builder, node, channels) else { return Ok(None) };
    let oihw = weights.as_f32()?;
    // OHWI.
    let weights = Columns::new(grid, channels, taps * inputs, |channel, k| {
        oihw[(channel * inputs + k % inputs) * taps + k / inputs]
    });
    let Some(weights) = weights else { return Ok(None) };
    builder.count_constants(packed_size(shape.groups, taps * inputs, channels / shape.groups))?;
    Ok(Some((Kind::Convolution(shape), weights, bias)))
}

/// The constant vector of finite biases in input 2; `Some(None)` if there are none, `None` if it is anything else.
fn bias(builder: &Builder<'_>, node: &Node, channels: usize) -> Option<Option<Vec<f32>>> {
    let Some(name) = node.input(2) else { return Some(None) };
    let bias = builder.constant(name)?;
    let is_vector = bias.len() == channels && bias.shape().last() == Some(&channels);
    let bias = bias.as_f32().ok().filter(|bias| is_vector && bias.iter().all(|bias| bias.is_finite()))?;
    Some(Some(bias.to_vec()))
}
