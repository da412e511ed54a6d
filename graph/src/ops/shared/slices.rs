//! The slices of a tensor along an axis, each with a range of its own.

use std::ops::Range;

use super::arguments::Arguments;
use super::code_range::CodeRange;
use super::indexing::axis_of;
use crate::{Error, Node};

/// The slices along the attribute `axis`; one slice, the whole tensor, if it is −1.
pub(crate) struct Slices {
    pub(crate) count: usize,
    outer: usize,
    inner: usize,
}

impl Slices {
    pub(crate) fn new(node: &Node, shape: &[usize]) -> Result<Self, Error> {
        let axis = node.int("axis", -1)?;
        if axis < 0 {
            return Ok(Self { count: 1, outer: 1, inner: shape.iter().product() });
        }
        let axis = axis_of(node, axis, shape.len())?;
        let [outer, inner] = [&shape[..axis], &shape[axis + 1..]].map(|dims| dims.iter().product());
        Ok(Self { count: shape[axis], outer, inner })
    }

    /// A range for each slice: inputs 1 and 2.
    pub(crate) fn ranges(&self, args: &Arguments<'_>) -> Result<Vec<CodeRange>, Error> {
        let (mins, maxs) = (args.values::<f32>(1)?, args.values::<f32>(2)?);
        if mins.len() != self.count || maxs.len() != self.count {
            let (mins, maxs) = (mins.len(), maxs.len());
            return Err(args.error(format!("{mins} minima and {maxs} maxima for {} slices", self.count)));
        }
        Ok(mins.iter().zip(maxs).map(|(&min, &max)| CodeRange { min, max }).collect())
    }

    /// Visits the runs of elements that slice `index` consists of.
    pub(crate) fn for_each_run(&self, index: usize, mut visit: impl FnMut(Range<usize>)) {
        for outer in 0..self.outer {
            let first = (outer * self.count + index) * self.inner;
            visit(first..first + self.inner);
        }
    }
}
