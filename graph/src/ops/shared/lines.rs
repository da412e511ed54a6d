//! A tensor as lines along one of its axes.

use super::arguments::Arguments;
use crate::Error;

/// The lines of a tensor along an axis: `size` elements each, `step` apart.
pub(crate) struct Lines {
    pub(crate) size: usize,
    pub(crate) step: usize,
    /// The number of lines that are `size · step` elements apart.
    outer: usize,
}

impl Lines {
    /// The lines of a tensor of `shape` along `axis`, which must be below its rank.
    pub(crate) fn new(args: &Arguments<'_>, shape: &[usize], axis: usize) -> Result<Self, Error> {
        // Bounds the products of all parts of the shape, too.
        args.count(shape)?;
        let (outer, inner) = (&shape[..axis], &shape[axis + 1..]);
        Ok(Self { size: shape[axis], step: inner.iter().product(), outer: outer.iter().product() })
    }

    /// The offset of the first element of each line.
    pub(crate) fn firsts(&self) -> impl Iterator<Item = usize> + use<> {
        let (length, step) = (self.size * self.step, self.step);
        (0..self.outer).flat_map(move |outer| (0..step).map(move |inner| outer * length + inner))
    }

    /// The offsets of the elements of the line that begins at `first`.
    pub(crate) fn line(&self, first: usize) -> impl Iterator<Item = usize> + Clone + use<> {
        let step = self.step;
        (0..self.size).map(move |index| first + index * step)
    }
}
