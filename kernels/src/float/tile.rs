//! A tile of a product: a few rows by one or two vectors of columns, in registers over the whole depth.

use super::{Bounds, bounded, vectors};
use crate::simd::Simd;

/// What a tile is computed from.
pub(crate) struct Tile {
    /// The first row; rows are `a_stride` elements apart and `depth` long.
    pub(crate) a: *const f32,
    pub(crate) a_stride: usize,
    pub(crate) depth: usize,
    /// The panel: biases, then weights, depth by depth.
    pub(crate) panel: *const f32,
    /// The first row of the output; rows are `out_stride` elements apart.
    pub(crate) out: *mut f32,
    pub(crate) out_stride: usize,
    /// Columns to be written: all of the vectors', or fewer.
    pub(crate) columns: usize,
    pub(crate) bounds: Bounds,
}

/// Computes `ROWS` rows of `VECTORS` vectors.
///
/// # Safety
///
/// The rows and the panel are readable, the rows of the output are writable for `columns` elements and overlap neither, and
/// `columns` is at most `VECTORS · LANES`.
#[inline(always)]
pub(crate) unsafe fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(simd: S, tile: &Tile) {
    let width = VECTORS * S::LANES;
    // SAFETY: all pointers stay within what the caller promises: `depth + 1` rows of the panel, `ROWS` rows of `depth`
    // elements, and `ROWS` rows of `columns` elements of the output.
    unsafe {
        let bias = vectors::<S, VECTORS>(simd, tile.panel);
        let mut sums = [bias; ROWS];
        let mut weights = tile.panel;
        for k in 0..tile.depth {
            weights = weights.add(width);
            let w = vectors::<S, VECTORS>(simd, weights);
            for (row, sums) in sums.iter_mut().enumerate() {
                let a = simd.splat_f(tile.a.add(row * tile.a_stride + k).read());
                for v in 0..VECTORS {
                    sums[v] = simd.mul_add_f(a, w[v], sums[v]);
                }
            }
        }
        let bounds = [simd.splat_f(tile.bounds.low), simd.splat_f(tile.bounds.high)];
        for (row, sums) in sums.iter().enumerate() {
            let out = tile.out.add(row * tile.out_stride);
            for (v, &sum) in sums.iter().enumerate() {
                let (first, sum) = (v * S::LANES, bounded(simd, sum, bounds));
                if tile.columns >= first + S::LANES {
                    simd.store_f(out.add(first), sum);
                } else {
                    let lanes = simd.lanes_f(sum);
                    for lane in 0..tile.columns.saturating_sub(first) {
                        out.add(first + lane).write(lanes.at(lane));
                    }
                }
            }
        }
    }
}
