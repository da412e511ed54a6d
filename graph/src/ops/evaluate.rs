//! The plain evaluator: computes a node by loops.

use super::shared::arguments::Arguments;
use super::shared::inputs::Inputs;
use crate::{Error, Node, Tensor};

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
