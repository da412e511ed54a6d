//! Products with constant weights, seen as matrices with a row for each output channel.

use super::{ChannelAxis, Roles};
use crate::ops::eight_bit::weight_axis;
use crate::ops::{conv, gemm, matmul};
use crate::{Error, Graph, Node, Tensor};

/// An eight-bit convolution or matrix product with constant weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layer<'g> {
    /// The position of the node in the graph.
    pub(super) index: usize,
    pub(super) node: &'g Node,
    /// What is multiplied by the weights.
    pub(super) input: &'g str,
    pub(super) weights: &'g Tensor,
    /// The axis of the output channels in the weights.
    pub(super) axis: usize,
    pub(super) groups: usize,
    /// The axis of its channels in the input.
    pub(super) channels: ChannelAxis,
}

impl<'g> Layer<'g> {
    /// The eight-bit layers of `graph`, in its order. Products with a factor of their own, and those of transposed inputs, are not among
    /// them.
    pub(super) fn all(graph: &'g Graph, roles: &Roles) -> Result<Vec<Self>, Error> {
        let eight_bit = (0..graph.nodes.len()).filter(|&index| roles.is_quantized(&graph.nodes[index].name));
        eight_bit.filter_map(|index| Self::of(index, graph).transpose()).collect()
    }

    /// Node number `index` as a layer, if it is one.
    pub(super) fn of(index: usize, graph: &'g Graph) -> Result<Option<Self>, Error> {
        let node = &graph.nodes[index];
        let Some(axis) = weight_axis(node)? else { return Ok(None) };
        let (Some(input), Some(weights)) =
            (node.input(0), node.input(1).and_then(|name| graph.constants.get(name)))
        else {
            return Ok(None);
        };
        let plain = if node.is(&conv::OP) {
            weights.rank() >= 3
        } else if node.is(&gemm::OP) {
            let (alpha, beta) = (node.float("alpha", 1.0)?, node.float("beta", 1.0)?);
            weights.rank() == 2 && alpha == 1.0 && beta == 1.0 && node.int("transA", 0)? == 0
        } else {
            node.is(&matmul::OP) && weights.rank() == 2
        };
        if !plain || weights.is_empty() || weights.as_f32().is_err() {
            return Ok(None);
        }
        let is_conv = node.is(&conv::OP);
        let groups = if is_conv { usize::try_from(node.int("group", 1)?).unwrap_or(1).max(1) } else { 1 };
        if !weights.shape()[axis].is_multiple_of(groups) {
            return Ok(None);
        }
        let channels = if is_conv { ChannelAxis::Second } else { ChannelAxis::Last };
        Ok(Some(Self { index, node, input, weights, axis, groups, channels }))
    }

    /// The number of output channels.
    pub(super) fn rows(&self) -> usize {
        self.weights.shape()[self.axis]
    }

    /// The number of weights of an output channel.
    pub(super) fn depth(&self) -> usize {
        self.weights.len() / self.rows()
    }

    /// The number of weights that an output channel has for each of its input channels.
    pub(super) fn taps(&self) -> usize {
        if self.axis == 0 { self.weights.shape()[2..].iter().product() } else { 1 }
    }

    /// The number of input channels.
    pub(super) fn inputs(&self) -> usize {
        self.depth() / self.taps().max(1) * self.groups
    }

    /// Whether every output channel has an input channel of its own.
    pub(super) fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.depth() == self.taps()
    }

    /// Whether it is depthwise with one output channel for each input channel.
    pub(super) fn has_depthwise_kernel(&self) -> bool {
        self.is_depthwise() && self.rows() == self.groups
    }

    /// The input channel of weight `depth` of row `row`.
    pub(super) fn input_channel(&self, row: usize, depth: usize) -> usize {
        let of_group = self.depth() / self.taps().max(1);
        row / (self.rows() / self.groups) * of_group + depth / self.taps().max(1)
    }

    /// Elements in the order of the weights, in the order of rows: one after the other, each from its first input channel to its last,
    /// tap by tap.
    pub(super) fn as_rows<T: Copy>(&self, elements: &[T]) -> Vec<T> {
        if self.axis == 0 {
            return elements.to_vec();
        }
        let (rows, depth) = (self.rows(), self.depth());
        (0..rows * depth).map(|at| elements[at % depth * rows + at / depth]).collect()
    }

    /// The reverse of [`as_rows`](Self::as_rows).
    pub(super) fn of_rows<T: Copy>(&self, elements: &[T]) -> Vec<T> {
        if self.axis == 0 {
            return elements.to_vec();
        }
        let (rows, depth) = (self.rows(), self.depth());
        (0..rows * depth).map(|at| elements[at % rows * depth + at / rows]).collect()
    }
}
