//! Shared by `GatherElements` and `ScatterElements`: indices along an axis for single elements.

use super::arguments::Arguments;
use super::indexing::{Offsets, axis_of, strides};
use crate::{Error, Node};

/// The places in a tensor that indices along an axis select.
pub(crate) struct Places {
    /// The number of elements along the axis, and the distance between them.
    along: [usize; 2],
    /// The offsets of the coordinates of the indices along the other axes.
    others: Offsets,
}

impl Places {
    /// The places in a tensor of shape `data` for indices of shape `indices`, along the attribute `axis` of `node`.
    pub(crate) fn new(node: &Node, data: &[usize], indices: &[usize]) -> Result<Self, Error> {
        let axis = axis_of(node, node.int("axis", 0)?, data.len())?;
        let fits = indices.len() == data.len()
            && indices.iter().zip(data).enumerate().all(|(at, (index, size))| at == axis || index <= size);
        if !fits {
            let reason =
                format!("indices of shape {indices:?} along axis {axis} of a tensor of shape {data:?}");
            return Err(Error::node(node, reason));
        }
        let mut strides = strides(data);
        let step = std::mem::take(&mut strides[axis]);
        Ok(Self { along: [data[axis], step], others: Offsets::new(indices, &strides) })
    }

    /// The offsets of the places for the indices in input `index`.
    pub(crate) fn offsets(self, args: &Arguments<'_>, index: usize) -> Result<Vec<usize>, Error> {
        let [size, step] = self.along;
        let each = args.integers(index)?.into_iter().zip(self.others);
        each.map(|(index, other)| Ok(other + args.index(index, size)? * step)).collect()
    }
}
