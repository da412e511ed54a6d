//! `cancel_transposes`: removes the transpositions between networks of images as NHWC and operators on NCHW.
//!
//! TensorFlow's images have their channels last, ONNX's convolutions have them first. A converter puts a `Transpose` before and
//! after each convolution; what lies between two convolutions sees the channels last. If the nodes between them compute on
//! transposed values instead, the transpositions meet and cancel.

mod backward;
mod forward;
mod permutation;
mod rewrite;
#[cfg(test)]
mod tests;
mod values;

use backward::backward;
use forward::forward;

use super::sort_by_execution_order;
use crate::ops::transpose;
use crate::{Error, Graph};

/// Moves transpositions through elementwise operators, concatenations, reductions, pads and slices, whose axes and constants
/// follow, and removes those that cancel. Transpositions that are left move to the inputs of the graph; those of constants are
/// computed.
///
/// A graph that would get more transpositions than it has stays as it is. Constants that become unused stay for
/// `strip_unused_nodes`.
///
/// # Errors
///
/// Attributes of the wrong type, and every error of [`Graph::topological_order`].
pub fn cancel_transposes(graph: Graph) -> Result<Graph, Error> {
    let before = count(&graph);
    if before == 0 {
        return Ok(graph);
    }
    let moved = forward(graph.clone())?;
    let graph = if count(&moved) < before { moved } else { graph };
    sort_by_execution_order(backward(graph)?)
}

/// The number of nodes that transpose values that are not constants.
fn count(graph: &Graph) -> usize {
    let of_value = |name: &str| !graph.constants.contains_key(name);
    graph.nodes.iter().filter(|node| node.is(&transpose::OP) && node.input(0).is_some_and(of_value)).count()
}
