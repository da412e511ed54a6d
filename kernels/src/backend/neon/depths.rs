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

/// The sums of four columns, and how four depths are added to them.
pub(crate) trait FourDepths: Copy {
    /// With the products of the columns and bytes `4·G` to `4·G + 3` of `depths`.
    ///
    /// # Safety
    ///
    /// The CPU has the instructions.
    unsafe fn dot<const G: i32>(self, columns: int8x16_t, depths: uint8x16_t) -> Self;
}

/// Multiplies four depths: lane `G` of every row by the weights at `weights` and at the same offset in the next panels.
///
/// # Safety
///
/// The instructions of `S`; `GROUP_BYTES` readable bytes in each of `V / PANEL_VECTORS` panels.
#[inline(always)]
unsafe fn group<S: FourDepths, const G: i32, const R: usize, const V: usize>(
    acc: &mut [[S; V]; R],
    lhs: &[uint8x16_t; R],
    weights: *const u8,
    panel_stride: usize,
) {
    // SAFETY: vector v lies in panel v / PANEL_VECTORS, inside its GROUP_BYTES.
    unsafe {
        for v in 0..V {
            let at = weights.add(v / PANEL_VECTORS * panel_stride + v % PANEL_VECTORS * 16);
            let columns = vld1q_s8(at.cast());
            for_each_row!(R, ROW => {
                acc[ROW][v] = acc[ROW][v].dot::<G>(columns, lhs[ROW]);
            });
        }
    }
}

/// Adds all products of `R` rows by `V` vectors of columns; activations are signed after `FLIP` is XORed to them.
///
/// # Safety
///
/// NEON and the instructions of `S`, and the tile's pointers; the tile has `R` rows by `V / 4` panels.
#[inline(always)]
pub(crate) unsafe fn all_depths<S: FourDepths, const R: usize, const V: usize, const FLIP: u8>(
    acc: &mut [[S; V]; R],
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
                group::<S, 0, R, V>(acc, &lhs, weights, tile.panel_stride);
                group::<S, 1, R, V>(acc, &lhs, weights.add(GROUP_BYTES), tile.panel_stride);
                group::<S, 2, R, V>(acc, &lhs, weights.add(2 * GROUP_BYTES), tile.panel_stride);
                group::<S, 3, R, V>(acc, &lhs, weights.add(3 * GROUP_BYTES), tile.panel_stride);
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
                group::<S, 0, R, V>(acc, &lhs, weights, tile.panel_stride);
                if left > 4 {
                    group::<S, 1, R, V>(acc, &lhs, weights.add(GROUP_BYTES), tile.panel_stride);
                }
                if left > 8 {
                    group::<S, 2, R, V>(acc, &lhs, weights.add(2 * GROUP_BYTES), tile.panel_stride);
                }
                if left > 12 {
                    group::<S, 3, R, V>(acc, &lhs, weights.add(3 * GROUP_BYTES), tile.panel_stride);
                }
                weights = weights.add(left.div_ceil(4) * GROUP_BYTES);
            }
            weights = weights.wrapping_add(tile.panel_skip);
        }
    }
}
