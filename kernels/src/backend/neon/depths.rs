//! The walk of a tile over the depth, sixteen at a time, for instructions that multiply four depths of four columns.

use core::arch::aarch64::*;

use super::load_first;
use crate::gemm::{PANEL, Tile, for_each_row};

/// Depths that a whole load of a row covers.
const BLOCK: usize = 16;
/// Bytes of a panel that belong to four depths.
const GROUP_BYTES: usize = 4 * PANEL;
/// Vectors of four columns in a panel.
const PANEL_VECTORS: usize = PANEL / 4;

/// How four depths are multiplied.
///
/// # Safety
///
/// The function reads the weights' vectors by [`columns`], and nothing else.
pub(crate) unsafe trait FourDepths {
    /// The sums of four columns.
    type Sums: Copy;

    /// Multiplies four depths: lane `G` of every row by the weights at `weights` and at the same offset in the next panels.
    ///
    /// # Safety
    ///
    /// The CPU has the instructions; [`columns`] may be called for all `V` vectors.
    unsafe fn group<const G: i32, const R: usize, const V: usize>(
        acc: &mut [[Self::Sums; V]; R],
        lhs: &[uint8x16_t; R],
        weights: *const u8,
        panel_stride: usize,
    );
}

/// The weights of four depths of vector `v` of columns.
///
/// # Safety
///
/// NEON; `GROUP_BYTES` readable bytes in each panel up to that of the vector.
#[inline(always)]
pub(crate) unsafe fn columns(weights: *const u8, panel_stride: usize, v: usize) -> int8x16_t {
    // SAFETY: vector v lies in panel v / PANEL_VECTORS, inside its GROUP_BYTES.
    unsafe { vld1q_s8(weights.add(v / PANEL_VECTORS * panel_stride + v % PANEL_VECTORS * 16).cast()) }
}

/// Adds all products of `R` rows by `V` vectors of columns; activations are signed after `FLIP` is XORed to them.
///
/// # Safety
///
/// NEON and the instructions of `P`, and the tile's pointers; the tile has `R` rows by `V / 4` panels.
#[inline(always)]
pub(crate) unsafe fn all_depths<P: FourDepths, const R: usize, const V: usize, const FLIP: u8>(
    acc: &mut [[P::Sums; V]; R],
    tile: &Tile,
) {
    // SAFETY: rows are read within `segment_len`; panels hold GROUP_BYTES for every four depths, the last ones padded,
    // and `V` vectors are `V / PANEL_VECTORS` panels.
    unsafe {
        let flip = vdupq_n_u8(FLIP);
        let mut weights = tile.panels;
        for segment in 0..tile.segments {
            let mut depth = 0;
            while depth + BLOCK <= tile.segment_len {
                let mut lhs = [flip; R];
                for_each_row!(R, ROW => {
                    lhs[ROW] = veorq_u8(vld1q_u8(tile.row::<R>(segment, ROW).add(depth)), flip);
                });
                P::group::<0, R, V>(acc, &lhs, weights, tile.panel_stride);
                P::group::<1, R, V>(acc, &lhs, weights.add(GROUP_BYTES), tile.panel_stride);
                P::group::<2, R, V>(acc, &lhs, weights.add(2 * GROUP_BYTES), tile.panel_stride);
                P::group::<3, R, V>(acc, &lhs, weights.add(3 * GROUP_BYTES), tile.panel_stride);
                weights = weights.add(4 * GROUP_BYTES);
                depth += BLOCK;
            }
            let left = tile.segment_len - depth;
            if left > 0 {
                // Past the end, flipped zeros are multiplied by zero weights.
                let mut lhs = [flip; R];
                for_each_row!(R, ROW => {
                    lhs[ROW] = veorq_u8(load_first(tile.row::<R>(segment, ROW).add(depth), left), flip);
                });
                P::group::<0, R, V>(acc, &lhs, weights, tile.panel_stride);
                if left > 4 {
                    P::group::<1, R, V>(acc, &lhs, weights.add(GROUP_BYTES), tile.panel_stride);
                }
                if left > 8 {
                    P::group::<2, R, V>(acc, &lhs, weights.add(2 * GROUP_BYTES), tile.panel_stride);
                }
                if left > 12 {
                    P::group::<3, R, V>(acc, &lhs, weights.add(3 * GROUP_BYTES), tile.panel_stride);
                }
                weights = weights.add(left.div_ceil(4) * GROUP_BYTES);
            }
            weights = weights.wrapping_add(tile.panel_skip);
        }
    }
}
