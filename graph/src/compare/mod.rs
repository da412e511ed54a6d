//! Compares two forms of one network, value by value: float and eight-bit, of this or another tool, from ONNX or TensorFlow.
//!
//! Where the forms have the same values is found by [`Comparer::new`]: by names, which tools that quantize keep, and by the order of
//! operators and shapes where names differ. A value counts with its eight-bit forms: what a `QuantizeLinear` makes of it, and what a
//! `DequantizeLinear` makes of that.
//!
//! Aids to accuracy change channels in a way that what reads them takes back; these are left out (`channels`).
//!
//! Where to start reading: `signals` finds those values, `names` and `position` match them, `merge` makes one graph of two, which
//! [`Comparer`] runs for pairs of values.

mod channels;
mod comparer;
mod inputs;
mod merge;
mod names;
mod pairs;
mod position;
mod report;
mod signals;
mod taken_back;
#[cfg(test)]
mod tests;
mod times;

pub use comparer::Comparer;
pub use pairs::MatchedBy;
pub use report::{Comparison, OutputDifference, ValueDifference};
pub use times::{TimePair, compare_times};

use crate::ops::Operator;
use crate::{Error, Graph, Node, passes, quantize};

/// `graph` in the form in which the executor runs it, so that values of two forms are found at the same places: images as ONNX has them,
/// batch norms in the weights before them.
fn normalized(graph: &Graph) -> Result<Graph, Error> {
    let graph = graph.clone();
    if !graph.nodes.iter().filter_map(Node::operator).any(Operator::is_eight_bit) {
        return quantize::simplified(graph, |_| {});
    }
    // Weights in bytes stay as they are.
    let graph = passes::cancel_transposes(passes::strip_unused_nodes(graph)?)?;
    let graph = passes::fold_scales(passes::fold_batch_norms(graph)?)?;
    passes::strip_unused_nodes(graph)
}
