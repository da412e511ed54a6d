//! Lists of axes.

use super::indexing::axis_of;
use crate::{Error, Node};

/// A flag for each of `rank` axes that is set if a list names it; an error if an axis is out of range or listed twice.
pub(crate) fn named(node: &Node, axes: &[i64], rank: usize) -> Result<Vec<bool>, Error> {
    let mut named = vec![false; rank];
    for &axis in axes {
        let axis = axis_of(node, axis, rank)?;
        if std::mem::replace(&mut named[axis], true) {
            return Err(Error::node(node, format!("axis {axis} is listed twice")));
        }
    }
    Ok(named)
}
