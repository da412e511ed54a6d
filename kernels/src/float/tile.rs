//! A tile of a product: a few rows by one or two vectors of columns, in registers over a part of the depth. One row takes several panels
//! at a time: otherwise it would wait for its sums, of which it has few.

use super::{Bounds, bounded};
use crate::prefetch::prefetch_line;
use crate::simd::Simd;

/// Vectors of a panel.
const OF_PANEL: usize = 2;

/// The panels that are multiplied with one row at a time.
pub(crate) const ROW_PANELS: usize = 4;

/// Their vectors.
pub(crate) const ROW_VECTORS: usize = ROW_PANELS * OF_PANEL;

/// What a tile is computed from.
pub(crate) struct Tile<'a> {
    /// The place of the first row; rows are `a_stride` elements apart.
    pub(crate) a: *const f32,
    pub(crate) a_stride: usize,
    /// Where the runs of a row begin, counted from its place, and their length.
    pub(crate) runs: &'a [usize],
    pub(crate) length: usize,
    /// With what the sums begin, for all lanes of the first row: biases, 0 elements from row to row, or the sums of the depths before.
    pub(crate) sums: *const f32,
    pub(crate) sums_stride: usize,
    /// A part of a panel, depth by depth.
    pub(crate) weights: *const f32,
    /// From a panel to the next one, and from the first sums of one to those of the next.
    pub(crate) to_next_panel: [usize; 2],
    /// Bytes that will be needed soon: a cache line for each step of the depth.
    pub(crate) prefetch: *const u8,
    /// The first row of the output, and of what is added to the sums, if there is anything; rows are `stride` elements apart.
    pub(crate) out: *mut f32,
    pub(crate) addend: Option<*const f32>,
    pub(crate) stride: usize,
    pub(crate) bounds: Bounds,
}

/// Computes `ROWS` rows of `VECTORS` vectors.
///
/// # Safety
///
/// The runs of the rows, the panels and the first sums are readable, as are the rows of the addend, for all lanes; the rows of the output are
/// writable for all lanes, and no others overlap them but those of the first sums.
#[inline(always)]
pub(crate) unsafe fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(simd: S, tile: &Tile<'_>) {
    let width = VECTORS.min(OF_PANEL) * S::LANES;
    let [to_weights, to_sums] = tile.to_next_panel;
    // SAFETY: all pointers stay within what the caller promises: as many rows of the panel as runs have elements, the runs of `ROWS` rows,
    // and `ROWS` rows of output and addend.
    unsafe {
        let mut sums = [across::<S, VECTORS>(simd, tile.sums, to_sums); ROWS];
        for (row, sums) in sums.iter_mut().enumerate().skip(1) {
            *sums = across::<S, VECTORS>(simd, tile.sums.add(row * tile.sums_stride), to_sums);
        }
        let (mut weights, mut prefetch) = (tile.weights, tile.prefetch);
        for &run in tile.runs {
            let a = tile.a.add(run);
            for k in 0..tile.length {
                prefetch_line(prefetch);
                prefetch = prefetch.wrapping_add(64);
                let w = across::<S, VECTORS>(simd, weights, to_weights);
                weights = weights.add(width);
                for (row, sums) in sums.iter_mut().enumerate() {
                    let a = simd.splat_f(a.add(row * tile.a_stride + k).read());
                    for v in 0..VECTORS {
                        sums[v] = simd.mul_add_f(a, w[v], sums[v]);
                    }
                }
            }
        }
        if let Some(addend) = tile.addend {
            for (row, sums) in sums.iter_mut().enumerate() {
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = simd.add_f(*sum, simd.load_f(addend.add(row * tile.stride + v * S::LANES)));
                }
            }
        }
        let bounds = [simd.splat_f(tile.bounds.low), simd.splat_f(tile.bounds.high)];
        for (row, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                simd.store_f(tile.out.add(row * tile.stride + v * S::LANES), bounded(simd, sum, bounds));
            }
        }
    }
}

/// Vectors of panels that are `to_next` elements apart.
///
/// # Safety
///
/// `p` is valid for the reads.
#[inline(always)]
unsafe fn across<S: Simd, const VECTORS: usize>(simd: S, p: *const f32, to_next: usize) -> [S::F; VECTORS] {
    let mut all = [simd.splat_f(0.0); VECTORS];
    for (v, vector) in all.iter_mut().enumerate() {
        // SAFETY: the caller's promise.
        *vector = unsafe { simd.load_f(p.add(v / OF_PANEL * to_next + v % OF_PANEL * S::LANES)) };
    }
    all
}
