//! Shared by `GatherND` and `ScatterND`: indices of several axes at once.

use super::arguments::Arguments;
use super::indexing::strides;
use crate::{Error, Node};

/// Indices for the axes of a tensor from the first after the batch: each selects a slice of the remaining axes.
pub(crate) struct Tuples {
    /// The number of leading axes that the tensor and the indices have in common.
    batch: usize,
    /// The number of indices of a tuple.
    length: usize,
    /// Sizes and strides of the indexed axes.
    indexed: Vec<(usize, usize)>,
    /// The number of elements of the tensor for each index of the batch.
    of_batch: usize,
    /// The shape of a slice.
    pub(crate) slice: Vec<usize>,
}

impl Tuples {
    /// The tuples along the last axis of `indices`, for a tensor of shape `data`.
    pub(crate) fn new(node: &Node, data: &[usize], indices: &[usize], batch: usize) -> Result<Self, Error> {
        let misfit = || Error::node(node, format!("indices of shape {indices:?} into shape {data:?}"));
        let (&length, outer) = indices.split_last().ok_or_else(misfit)?;
        let indexed = batch.checked_add(length).filter(|&end| end <= data.len()).ok_or_else(misfit)?;
        if batch > outer.len() || data[..batch] != outer[..batch] {
            return Err(misfit());
        }
        let strides = strides(data);
        Ok(Self {
            batch,
            length,
            indexed: (batch..indexed).map(|axis| (data[axis], strides[axis])).collect(),
            of_batch: data[batch..].iter().fold(1, |count, &size| count.saturating_mul(size)),
            slice: data[indexed..].to_vec(),
        })
    }

    /// The offsets of the slices that the indices of input `index` select.
    pub(crate) fn offsets(&self, args: &Arguments<'_>, index: usize) -> Result<Vec<usize>, Error> {
        let shape = args.tensor(index)?.shape();
        let outer = &shape[..shape.len() - 1];
        let count = args.count(outer)?;
        let per_batch = args.count(&outer[self.batch..])?;
        let indices = args.integers(index)?;
        let offset = |number: usize| {
            let tuple = &indices[number * self.length..][..self.length];
            let first = number.checked_div(per_batch).unwrap_or(0) * self.of_batch;
            let parts = tuple.iter().zip(&self.indexed);
            parts
                .map(|(&at, &(size, step))| Ok(args.index(at, size)? * step))
                .try_fold(first, |sum, part: Result<usize, Error>| Ok(sum + part?))
        };
        (0..count).map(offset).collect()
    }
}
