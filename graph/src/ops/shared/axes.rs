//! Lists of axes.

use super::indexing::axis_of;
use crate::{Error, Node};

/// Which of `rank` axes a list names; an error if one is out of range or there twice.
pub(crate) fn named(node: &Node, axes: &[i64], rank: usize) -> Result<Vec<bool>, Error> {
    let mut named = vec![false; rank];
    for &axis in axes {
        let axis = axis_of(node, axis, rank)?;
        if std::mem::replace(&mut named[axis], true) {
            return Err(Error::node(node, format!("axis {axis} is there twice")));
        }
    }
    Ok(named)
}
