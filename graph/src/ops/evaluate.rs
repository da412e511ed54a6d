//! The plain evaluator: computes a node by loops.

use super::shared::arguments::Arguments;
use super::shared::inputs::Inputs;
use crate::{Error, Node, Tensor, TensorType};

/// The outputs of `node` for `inputs`; `None` is an optional input left out.
///
/// Operators have the meaning of operator set 13 or later (the ONNX importer rewrites older nodes).
///
/// ```
/// use eightbit_graph::{Node, Tensor, ops};
/// let node = Node::new("relu", "Relu", &["x"], &["y"]);
/// let outputs = ops::evaluate(&node, &[Some(&Tensor::vector([-1.0f32, 2.0]))])?;
/// assert_eq!(outputs, [Tensor::vector([0.0f32, 2.0])]);
/// # Ok::<(), eightbit_graph::Error>(())
/// ```
///
/// # Errors
///
/// An operator that is not implemented ([`Error::UnsupportedOp`]), inputs or attributes that do not fit it.
pub fn evaluate(node: &Node, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Error> {
    let operator = node.operator().ok_or_else(|| Error::unsupported(node, "not implemented"))?;
    (operator.evaluate)(&Arguments::new(node, inputs)).map_err(|error| error.in_node(node))
}

/// The most numbers that are read to compute constants of a graph by plain loops. A product of large constants is left to the
/// executor, which has kernels.
pub(crate) const MAX_WORK: u64 = 1 << 28;

/// About how many numbers the evaluation of a node reads to compute outputs of these types, beside one for each element.
pub(crate) fn work(inputs: &Inputs<'_>, outputs: &[TensorType]) -> u64 {
    let elements: usize = outputs.iter().map(|of| of.shape.iter().product::<usize>()).sum();
    let reads = inputs.node.operator().map_or(1, |operator| (operator.reads)(inputs));
    (elements as u64).saturating_mul(reads.saturating_sub(1) as u64)
}

/// The products that a node adds up to compute its first output, of type `output`: 0 for operators that multiply nothing, `None` if the
/// number overflows.
pub(crate) fn macs(inputs: &Inputs<'_>, output: &TensorType) -> Option<u64> {
    let operator = inputs.node.operator().filter(|operator| operator.multiplies);
    let Some(depth) = operator.map(|operator| (operator.reads)(inputs)) else { return Some(0) };
    output.shape.iter().chain([&depth]).try_fold(1u64, |product, &size| product.checked_mul(size as u64))
}

/// Whether all inputs of a node are known, or it depends on their types alone.
pub(crate) fn is_known(inputs: &Inputs<'_>) -> bool {
    let operator = inputs.node.operator();
    operator.is_some_and(|operator| operator.from_types.is_some()) || inputs.known().is_some()
}

/// The outputs of a node whose inputs are all known, or that depends on their types alone; `None` for all others.
pub(crate) fn evaluate_known(inputs: &Inputs<'_>) -> Result<Option<Vec<Tensor>>, Error> {
    if let Some(from_types) = inputs.node.operator().and_then(|operator| operator.from_types) {
        return from_types(inputs).map(Some).map_err(|error| error.in_node(inputs.node));
    }
    inputs.known().map(|known| evaluate(inputs.node, known)).transpose()
}
