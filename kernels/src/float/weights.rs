//! The weights of a product, packed for the tiles of a backend.

use alloc::vec;
use alloc::vec::Vec;

use crate::Backend;

/// A cache line of floats.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

const LINE: usize = 16;

/// A constant matrix and a bias for each of its columns, packed for a backend.
///
/// Columns are in panels of two vectors; the last panel has one if that suffices. A panel is its biases, then its columns, depth by
/// depth; columns beyond the last one are 0.
#[derive(Clone, Debug)]
pub struct FloatWeights {
    backend: Backend,
    depth: usize,
    columns: usize,
    lines: Vec<Line>,
}

impl FloatWeights {
    /// Packs `depth × columns` weights, given by a function of both indices, and no biases or one for each column.
    ///
    /// # Panics
    ///
    /// If the number of biases is neither 0 nor `columns`, or memory cannot hold the weights.
    pub fn pack(
        backend: Backend,
        [depth, columns]: [usize; 2],
        weight: impl Fn(usize, usize) -> f32,
        bias: &[f32],
    ) -> Self {
        assert!(bias.is_empty() || bias.len() == columns, "a bias for each column");
        let lines = vec![Line([0.0; LINE]); lines(backend, [depth, columns])];
        let mut weights = Self { backend, depth, columns, lines };
        let mut at = 0;
        for first in (0..columns).step_by(weights.panel()) {
            let width = weights.width(first);
            let inside = first..columns.min(first + width);
            for row in 0..=depth {
                for column in inside.clone() {
                    let value = match row.checked_sub(1) {
                        Some(row) => weight(row, column),
                        None => bias.get(column).copied().unwrap_or(0.0),
                    };
                    let index = at + column - first;
                    weights.lines[index / LINE].0[index % LINE] = value;
                }
                at += width;
            }
        }
        weights
    }

    /// The bytes of memory that such weights take when they are packed.
    #[must_use]
    pub fn size(backend: Backend, sizes: [usize; 2]) -> u64 {
        let lines = (lines(backend, sizes) as u64).saturating_mul(size_of::<Line>() as u64);
        lines.saturating_add(size_of::<Self>() as u64)
    }

    /// The number of columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The number of rows.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    pub(super) fn backend(&self) -> Backend {
        self.backend
    }

    fn lanes(&self) -> usize {
        self.backend.entry().ops.float.lanes
    }

    /// Columns of a panel that is not the last one.
    pub(super) fn panel(&self) -> usize {
        2 * self.lanes()
    }

    /// Columns, those beyond the last one included, of the panel that begins at column `first`.
    pub(super) fn width(&self, first: usize) -> usize {
        if self.columns - first <= self.lanes() { self.lanes() } else { self.panel() }
    }

    /// The panel that begins at column `first`, and those after it.
    pub(super) fn panels_from(&self, first: usize) -> &[f32] {
        // SAFETY: lines are arrays of floats without gaps, and the borrow is theirs.
        let floats = unsafe {
            core::slice::from_raw_parts(self.lines.as_ptr().cast::<f32>(), self.lines.len() * LINE)
        };
        &floats[first * (self.depth + 1)..]
    }
}

/// The number of lines of packed weights: padded columns of a bias and `depth` weights each, and one more. As large as can be where
/// that overflows.
fn lines(backend: Backend, [depth, columns]: [usize; 2]) -> usize {
    let padded = columns.checked_next_multiple_of(backend.entry().ops.float.lanes);
    let floats = padded.and_then(|padded| padded.checked_mul(depth.checked_add(1)?));
    floats.map_or(usize::MAX, |floats| floats / LINE + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_is_what_the_weights_take() {
        for backend in Backend::available() {
            for (depth, columns) in [(0, 0), (0, 1), (1, 1), (1, 8), (3, 17), (7, 64), (5, 200)] {
                let weights = FloatWeights::pack(backend, [depth, columns], |_, _| 1.0, &[]);
                let taken = weights.lines.capacity() * size_of::<Line>() + size_of::<FloatWeights>();
                let size = FloatWeights::size(backend, [depth, columns]);
                assert_eq!(size, taken as u64, "{backend}: {depth}×{columns}");
            }
            assert!(FloatWeights::size(backend, [usize::MAX, 2]) >= usize::MAX as u64);
        }
    }
}
