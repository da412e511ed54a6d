//! The weights that a plan makes of a graph's.

use std::collections::HashMap;

use crate::limits::constants_of;
use crate::ops::dequantize_linear;
use crate::quantize::Plan;
use crate::quantize::weights::largest_bias;
use crate::{Error, Graph, Node, Tensor, passes};

/// A graph with integer weights.
#[derive(Debug)]
pub(in crate::quantize) struct Rounded {
    graph: Graph,
    /// By node, the `DequantizeLinear` of its weights.
    weights: HashMap<String, usize>,
    /// The same of its bias.
    biases: HashMap<String, usize>,
}

impl Rounded {
    pub(in crate::quantize) fn of(float: &Graph, plan: &Plan) -> Result<Self, Error> {
        let graph = passes::quantize_weights(float.clone(), plan)?;
        let producers = graph.producers()?;
        let of = |input: usize| {
            let of_node = |node: &Node| Some((node.name.clone(), *producers.get(node.input(input)?)?));
            graph.nodes.iter().filter_map(of_node).collect()
        };
        let (weights, biases) = (of(1), of(2));
        Ok(Self { graph, weights, biases })
    }

    /// The bytes of the constants that it has beside those of `float`.
    pub(in crate::quantize) fn bytes_beside(&self, float: &Graph) -> u64 {
        constants_of([float, &self.graph]).saturating_sub(constants_of([float]))
    }

    /// The bytes of the weights of `node` and their scales; `None` if they stay float.
    pub(in crate::quantize) fn layer(&self, node: &Node) -> Result<Option<(&Tensor, &[f32])>, Error> {
        let Some(from) = self.weights.get(&node.name).map(|&at| &self.graph.nodes[at]) else {
            return Ok(None);
        };
        if !from.is(&dequantize_linear::OP) {
            return Ok(None);
        }
        let constant = |input: usize| from.input(input).and_then(|name| self.graph.constants.get(name));
        let (Some(bytes), Some(scales)) = (constant(0), constant(1)) else { return Ok(None) };
        Ok(Some((bytes, scales.as_f32()?)))
    }

    /// How many times smaller the scales of the weights of `node` may become until its bias has no room.
    pub(in crate::quantize) fn room(&self, node: &Node, depth: usize) -> Result<f64, Error> {
        let from = self.biases.get(&node.name).map(|&at| &self.graph.nodes[at]);
        let Some(bias) = from.and_then(|from| self.graph.constants.get(from.input(0)?)) else {
            return Ok(f64::INFINITY);
        };
        let largest = bias.as_i32()?.iter().fold(0, |largest, value| largest.max(value.unsigned_abs()));
        Ok(largest_bias(depth) / f64::from(largest))
    }
}
