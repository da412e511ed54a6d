//! Activations fused into operators on bytes.

use crate::{Error, Node};

/// The range of a node's attributes `clamp_low` and `clamp_high`; absent ones default to the range of the type.
pub(crate) fn clamp(node: &Node, low: i32, high: i32) -> Result<(i32, i32), Error> {
    let bound = |name: &str, default: i32| -> Result<i32, Error> {
        let value = node.int(name, default.into())?;
        match i32::try_from(value) {
            Ok(value) if (low..=high).contains(&value) => Ok(value),
            _ => Err(Error::attribute(node, name, format!("{value} is outside of {low} to {high}"))),
        }
    };
    let (from, to) = (bound("clamp_low", low)?, bound("clamp_high", high)?);
    if from > to {
        return Err(Error::attribute(node, "clamp_low", "is greater than clamp_high"));
    }
    Ok((from, to))
}
