//! Tiles on `SDOT` by lane: four depths of four columns in one instruction.
//!
//! A load of sixteen bytes of a row feeds four groups of four depths, and a load of weights feeds every row: `R` rows
//! by a panel take, for each four depths, `4·R` products and `4 + R/4` loads. Four rows keep the multipliers of every
//! core so far busy; six would fit the registers, but not together with the flip of unsigned activations.

use core::arch::aarch64::*;
use core::arch::asm;

use crate::backend::neon::{Neon, load_first};
use crate::gemm::{Layout, LhsForm, PANEL, Tile, TileCost, TileRows, Variant, down, finish, for_each_row};
use crate::simd::Simd;

pub(super) const VARIANT: Variant = Variant {
    name: "sdot",
    layout: Layout::GROUPS_OF_4,
    lhs: LhsForm::Bytes { flip_signed: 0, flip_unsigned: -128 },
    proves: None,
    tiles: &[
        TileRows {
            rows: 1,
            unsigned: &[tile::<1, 4, 0x80>, tile::<1, 8, 0x80>],
            signed: &[tile::<1, 4, 0>, tile::<1, 8, 0>],
        },
        TileRows {
            rows: 2,
            unsigned: &[tile::<2, 4, 0x80>, tile::<2, 8, 0x80>],
            signed: &[tile::<2, 4, 0>, tile::<2, 8, 0>],
        },
        TileRows { rows: 3, unsigned: &[tile::<3, 4, 0x80>], signed: &[tile::<3, 4, 0>] },
        TileRows { rows: 4, unsigned: &[tile::<4, 4, 0x80>], signed: &[tile::<4, 4, 0>] },
    ],
    cost: COST,
};

/// Cortex-A76 and Neoverse N1, for four depths: a row and a panel are four products of two in a cycle; two loads in a
/// cycle, four of them for a panel and a quarter of one for a row. The cores with four products in a cycle take half as
/// long for them and two thirds for the loads.
const COST: TileCost = TileCost { dot: 16, row: 1, panel: 16 };

/// Depths that a whole load of a row covers.
const BLOCK: usize = 16;
/// Bytes of a panel that belong to four depths.
const GROUP_BYTES: usize = 4 * PANEL;
/// Vectors of four columns in a panel.
const PANEL_VECTORS: usize = PANEL / 4;

/// `R` rows by `V` vectors of four columns; activations are signed after `FLIP` is XORed to them.
///
/// # Safety
///
/// As [`TileFn`](crate::gemm::variant::TileFn): NEON and its dot product, and the tile's pointers.
#[target_feature(enable = "neon,dotprod")]
unsafe fn tile<const R: usize, const V: usize, const FLIP: u8>(first: &mut Tile) {
    // SAFETY: the caller's promises, for every tile of the m-block.
    unsafe { down::<R>(first, one::<R, V, FLIP>) }
}

/// # Safety
///
/// As [`tile`].
#[target_feature(enable = "neon,dotprod")]
unsafe fn one<const R: usize, const V: usize, const FLIP: u8>(tile: &Tile) {
    // SAFETY: rows are read within `segment_len`; panels hold GROUP_BYTES for every four depths, the last ones padded,
    // and `V` vectors are `V / PANEL_VECTORS` panels; initial accumulators and stage cover every column of them.
    unsafe {
        let isa = Neon::new();
        let flip = vdupq_n_u8(FLIP);
        let mut acc = [[vdupq_n_s32(0); V]; R];
        for_each_row!(R, ROW => {
            for v in 0..V {
                acc[ROW][v] = isa.load(tile.init.add(4 * v));
            }
        });
        let mut weights = tile.panels;
        for segment in 0..tile.segments {
            let mut depth = 0;
            while depth + BLOCK <= tile.segment_len {
                let mut lhs = [flip; R];
                for_each_row!(R, ROW => {
                    lhs[ROW] = veorq_u8(vld1q_u8(tile.row::<R>(segment, ROW).add(depth)), flip);
                });
                group::<0, R, V>(&mut acc, &lhs, weights, tile.panel_stride);
                group::<1, R, V>(&mut acc, &lhs, weights.add(GROUP_BYTES), tile.panel_stride);
                group::<2, R, V>(&mut acc, &lhs, weights.add(2 * GROUP_BYTES), tile.panel_stride);
                group::<3, R, V>(&mut acc, &lhs, weights.add(3 * GROUP_BYTES), tile.panel_stride);
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
                group::<0, R, V>(&mut acc, &lhs, weights, tile.panel_stride);
                if left > 4 {
                    group::<1, R, V>(&mut acc, &lhs, weights.add(GROUP_BYTES), tile.panel_stride);
                }
                if left > 8 {
                    group::<2, R, V>(&mut acc, &lhs, weights.add(2 * GROUP_BYTES), tile.panel_stride);
                }
                if left > 12 {
                    group::<3, R, V>(&mut acc, &lhs, weights.add(3 * GROUP_BYTES), tile.panel_stride);
                }
                weights = weights.add(left.div_ceil(4) * GROUP_BYTES);
            }
            weights = weights.wrapping_add(tile.panel_skip);
        }
        finish(isa, acc, tile);
    }
}

/// Multiplies four depths: lane `G` of every row by the weights at `weights` and at the same offset in the next panels.
///
/// # Safety
///
/// The dot product; `GROUP_BYTES` readable bytes in each of `V / PANEL_VECTORS` panels.
#[inline(always)]
unsafe fn group<const G: usize, const R: usize, const V: usize>(
    acc: &mut [[int32x4_t; V]; R],
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
                acc[ROW][v] = dot::<G>(acc[ROW][v], columns, lhs[ROW]);
            });
        }
    }
}

/// `vdotq_laneq_s32`, which is not stable yet: to lane i of `acc` the products of bytes 4i … 4i+3 of `columns` with
/// bytes 4G … 4G+3 of `depths`.
///
/// # Safety
///
/// The CPU has the dot product.
#[inline(always)]
unsafe fn dot<const G: usize>(mut acc: int32x4_t, columns: int8x16_t, depths: uint8x16_t) -> int32x4_t {
    // SAFETY: registers only; the instruction exists, as the caller promises.
    unsafe {
        asm!(
            "sdot {acc:v}.4s, {columns:v}.16b, {depths:v}.4b[{lane}]",
            acc = inout(vreg) acc,
            columns = in(vreg) columns,
            depths = in(vreg) depths,
            lane = const G,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    acc
}

/// `vdotq_s32`, which is not stable yet: to lane i of `acc` the products of bytes 4i … 4i+3 of `a` and `b`.
///
/// # Safety
///
/// The CPU has the dot product.
#[inline(always)]
pub(super) unsafe fn dot_bytes(mut acc: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: registers only; the instruction exists, as the caller promises.
    unsafe {
        asm!(
            "sdot {acc:v}.4s, {a:v}.16b, {b:v}.16b",
            acc = inout(vreg) acc,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    acc
}
