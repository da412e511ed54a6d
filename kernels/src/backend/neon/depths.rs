//! The walk of a tile over the depth, sixteen at a time, for instructions that multiply four depths of four columns.

use core::arch::aarch64::*;
use core::marker::PhantomData;

use super::{Neon, load_first};
use crate::gemm::{Depths, PANEL, Tile, for_each_row};
use crate::simd::Simd;

/// Depths that a whole load of a row covers.
const BLOCK: usize = 16;
/// Bytes of a panel that belong to four depths.
const GROUP_BYTES: usize = 4 * PANEL;
/// Vectors of four columns in a panel.
const PANEL_VECTORS: usize = PANEL / 4;

/// The sums of four columns, and how four depths are added to them.
pub(crate) trait FourDepths: Copy {
    /// Those that have these totals.
    ///
    /// # Safety
    ///
    /// NEON.
    unsafe fn of_totals(totals: int32x4_t) -> Self;

    /// The totals of the columns.
    ///
    /// # Safety
    ///
    /// NEON.
    unsafe fn totals(self) -> int32x4_t;

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
        let mut weights = tile.panels;
        for segment in 0..tile.segments {
            let mut rows = [tile.panels; R];
            for_each_row!(R, ROW => {
                rows[ROW] = tile.row::<R>(segment, ROW);
            });
            weights = depths::<S, R, V, FLIP>(acc, &rows, weights, tile.panel_stride, tile.segment_len);
            weights = weights.wrapping_add(tile.panel_skip);
        }
    }
}

/// Adds the products of `len` depths of `R` rows by `V` vectors of columns; returns where the panel goes on.
///
/// # Safety
///
/// NEON and the instructions of `S`; the rows are valid for `len` bytes, the panel for whole groups of four of them, and so is every further
/// panel, `panel_stride` bytes after the last.
#[inline(always)]
unsafe fn depths<S: FourDepths, const R: usize, const V: usize, const FLIP: u8>(
    acc: &mut [[S; V]; R],
    rows: &[*const u8; R],
    mut weights: *const u8,
    panel_stride: usize,
    len: usize,
) -> *const u8 {
    // SAFETY: the caller's promises.
    unsafe {
        let flip = vdupq_n_u8(FLIP);
        let mut depth = 0;
        while depth + BLOCK <= len {
            let mut lhs = [flip; R];
            for_each_row!(R, ROW => {
                lhs[ROW] = veorq_u8(vld1q_u8(rows[ROW].add(depth)), flip);
            });
            group::<S, 0, R, V>(acc, &lhs, weights, panel_stride);
            group::<S, 1, R, V>(acc, &lhs, weights.add(GROUP_BYTES), panel_stride);
            group::<S, 2, R, V>(acc, &lhs, weights.add(2 * GROUP_BYTES), panel_stride);
            group::<S, 3, R, V>(acc, &lhs, weights.add(3 * GROUP_BYTES), panel_stride);
            weights = weights.add(4 * GROUP_BYTES);
            depth += BLOCK;
        }
        let left = len - depth;
        if left > 0 {
            // Past the end, flipped zeros are multiplied by zero weights.
            let mut lhs = [flip; R];
            for_each_row!(R, ROW => {
                lhs[ROW] = veorq_u8(load_first(rows[ROW].add(depth), left), flip);
            });
            group::<S, 0, R, V>(acc, &lhs, weights, panel_stride);
            if left > 4 {
                group::<S, 1, R, V>(acc, &lhs, weights.add(GROUP_BYTES), panel_stride);
            }
            if left > 8 {
                group::<S, 2, R, V>(acc, &lhs, weights.add(2 * GROUP_BYTES), panel_stride);
            }
            if left > 12 {
                group::<S, 3, R, V>(acc, &lhs, weights.add(3 * GROUP_BYTES), panel_stride);
            }
            weights = weights.add(left.div_ceil(4) * GROUP_BYTES);
        }
        weights
    }
}

/// Sums of columns in tiles of weights with scales by group, of unsigned activations, whose top bits are flipped.
#[derive(Clone, Copy)]
pub(crate) struct Grouped<S>(Neon, PhantomData<S>);

impl<S> Grouped<S> {
    /// # Safety
    ///
    /// NEON and the instructions of `S`.
    #[inline(always)]
    pub(crate) unsafe fn new() -> Grouped<S> {
        // SAFETY: the caller's promise.
        Grouped(unsafe { Neon::new() }, PhantomData)
    }
}

// SAFETY: a value exists only if the CPU has NEON and the instructions of `S`.
unsafe impl<S: FourDepths> Depths for Grouped<S> {
    type S = Neon;
    const GROUP: usize = 4;

    #[inline(always)]
    fn isa(self) -> Neon {
        self.0
    }

    #[inline(always)]
    unsafe fn add<const R: usize, const V: usize>(
        self,
        acc: &mut [[int32x4_t; V]; R],
        rows: &[*const u8; R],
        panel: *const u8,
        stride: usize,
        len: usize,
        _ahead: usize,
    ) {
        // SAFETY: the caller's promises.
        unsafe {
            let mut sums = [[S::of_totals(self.0.splat(0)); V]; R];
            for_each_row!(R, ROW => {
                for v in 0..V {
                    sums[ROW][v] = S::of_totals(acc[ROW][v]);
                }
            });
            depths::<S, R, V, 0x80>(&mut sums, rows, panel, stride, len);
            for_each_row!(R, ROW => {
                for v in 0..V {
                    acc[ROW][v] = sums[ROW][v].totals();
                }
            });
        }
    }
}
