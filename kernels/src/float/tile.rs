//! A tile of a product: a few rows by one or two vectors of columns, in registers over a part of the depth.

use super::{Bounds, bounded, vectors};
use crate::prefetch::prefetch_line;
use crate::simd::Simd;

/// What a tile is computed from.
pub(crate) struct Tile {
    /// The first row; rows are `a_stride` elements apart and `depth` long.
    pub(crate) a: *const f32,
    pub(crate) a_stride: usize,
    pub(crate) depth: usize,
    /// With what the sums begin, for all lanes of the first row: biases, 0 elements from row to row, or the sums of the depths before.
    pub(crate) sums: *const f32,
    pub(crate) sums_stride: usize,
    /// A part of a panel, depth by depth.
    pub(crate) weights: *const f32,
    /// Bytes that will be needed soon: a cache line for each step of the depth.
    pub(crate) prefetch: *const u8,
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
/// The rows, the panel and the first sums are readable, the rows of the output are writable for `columns` elements and overlap neither rows
/// nor panel, and `columns` is at most `VECTORS · LANES`.
#[inline(always)]
pub(crate) unsafe fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(simd: S, tile: &Tile) {
    let width = VECTORS * S::LANES;
    // SAFETY: all pointers stay within what the caller promises: `depth` rows of the panel, `ROWS` rows of `depth`
    // elements, and `ROWS` rows of `columns` elements of the output.
    unsafe {
        let mut sums = [vectors::<S, VECTORS>(simd, tile.sums); ROWS];
        for (row, sums) in sums.iter_mut().enumerate().skip(1) {
            *sums = vectors::<S, VECTORS>(simd, tile.sums.add(row * tile.sums_stride));
        }
        for k in 0..tile.depth {
            prefetch_line(tile.prefetch.wrapping_add(k * 64));
            let w = vectors::<S, VECTORS>(simd, tile.weights.add(k * width));
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
