//! Operators whose outputs have a size that depends on elements, not on shapes alone.

use super::arguments::Arguments;
use super::inputs::Inputs;
use crate::ops::operator::Evaluate;
use crate::{Error, TensorType};

/// The types of the outputs, which have to be computed for it; an error if an input is not known before the graph runs.
pub(crate) fn infer(inputs: &Inputs<'_>, evaluate: Evaluate) -> Result<Vec<TensorType>, Error> {
    match inputs.known() {
        Some(known) => {
            let outputs = evaluate(&Arguments::new(inputs.node, known))?;
            Ok(outputs.iter().map(TensorType::of).collect())
        }
        None => Err(unknown(inputs)),
    }
}

/// An error that the shape of an output is not known before the graph runs.
pub(crate) fn unknown(inputs: &Inputs<'_>) -> Error {
    Error::unsupported(
        inputs.node,
        "the size of its output depends on elements of inputs that are known only when the graph runs: \
         end the graph before it, or make these inputs constants",
    )
}
