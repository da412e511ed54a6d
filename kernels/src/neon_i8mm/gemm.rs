//! Tiles on `SMMLA` and `USMMLA`: eight depths of two rows by two columns in one instruction.
//!
//! An accumulator holds a square of two rows by two columns; the squares are unzipped to rows before the epilogue. A
//! row without a partner is multiplied twice, which costs a single row nothing: it is bound by its weights. Four rows
//! by a panel keep the multipliers busy; the 24 squares of six leave too few registers for both halves of their rows.

use core::arch::aarch64::*;
use core::arch::asm;

use crate::gemm::{GemmTable, Layout, LhsForm, PANEL, Tile, TileCost, TileRows, down, finish, for_each_row};
use crate::neon::{Neon, load_first};
use crate::simd::Simd;

pub(crate) const TABLE: GemmTable = GemmTable {
    layout: Layout { name: "i8-group8", group: 8 },
    lhs: LhsForm::Bytes { flip_signed: 0, flip_unsigned: 0 },
    tiles: &[
        TileRows {
            rows: 1,
            unsigned: &[tile::<1, 1, 4, false>, tile::<1, 1, 8, false>],
            signed: &[tile::<1, 1, 4, true>, tile::<1, 1, 8, true>],
        },
        TileRows {
            rows: 2,
            unsigned: &[tile::<2, 1, 4, false>, tile::<2, 1, 8, false>],
            signed: &[tile::<2, 1, 4, true>, tile::<2, 1, 8, true>],
        },
        TileRows { rows: 4, unsigned: &[tile::<4, 2, 4, false>], signed: &[tile::<4, 2, 4, true>] },
    ],
    cost: TileCost::EVEN,
    narrow: None,
};

/// Depths that a whole load of a row covers.
const BLOCK: usize = 16;
/// Bytes of a panel that belong to eight depths.
const GROUP_BYTES: usize = 8 * PANEL;
/// Vectors of four columns in a panel.
const PANEL_VECTORS: usize = PANEL / 4;

/// Two rows by four columns, as two squares.
type Squares = [int32x4_t; 2];

/// `R` rows, in `H` pairs, by `V` vectors of four columns.
///
/// # Safety
///
/// As [`TileFn`](crate::gemm::TileFn): NEON and its matrix products, and the tile's pointers.
#[target_feature(enable = "neon,i8mm")]
unsafe fn tile<const R: usize, const H: usize, const V: usize, const SIGNED: bool>(first: &mut Tile) {
    // SAFETY: the caller's promises, for every tile of the strip.
    unsafe { down::<R>(first, one::<R, H, V, SIGNED>) }
}

/// # Safety
///
/// As [`tile`].
#[target_feature(enable = "neon,i8mm")]
unsafe fn one<const R: usize, const H: usize, const V: usize, const SIGNED: bool>(tile: &Tile) {
    const { assert!(H == R.div_ceil(2)) };
    // SAFETY: rows are read within `segment_len`; panels hold GROUP_BYTES for every eight depths, the last ones padded,
    // and `V` vectors are `V / PANEL_VECTORS` panels; initial accumulators and stage cover every column of them.
    unsafe {
        let mut acc = [[[vdupq_n_s32(0); 2]; V]; H];
        for v in 0..V {
            let init = vreinterpretq_s64_s32(Neon::load(tile.init.add(4 * v)));
            let squares = [
                vreinterpretq_s32_s64(vdupq_laneq_s64::<0>(init)),
                vreinterpretq_s32_s64(vdupq_laneq_s64::<1>(init)),
            ];
            for_each_row!(H, PAIR => {
                acc[PAIR][v] = squares;
            });
        }
        let mut weights = tile.panels;
        for segment in 0..tile.segments {
            let mut depth = 0;
            while depth + BLOCK <= tile.segment_len {
                let mut lhs = [vdupq_n_u8(0); R];
                for_each_row!(R, ROW => {
                    lhs[ROW] = vld1q_u8(tile.row::<R>(segment, ROW).add(depth));
                });
                group::<0, R, H, V, SIGNED>(&mut acc, &lhs, weights, tile.panel_stride);
                group::<1, R, H, V, SIGNED>(&mut acc, &lhs, weights.add(GROUP_BYTES), tile.panel_stride);
                weights = weights.add(2 * GROUP_BYTES);
                depth += BLOCK;
            }
            let left = tile.segment_len - depth;
            if left > 0 {
                let mut lhs = [vdupq_n_u8(0); R];
                for_each_row!(R, ROW => {
                    lhs[ROW] = load_first(tile.row::<R>(segment, ROW).add(depth), left);
                });
                group::<0, R, H, V, SIGNED>(&mut acc, &lhs, weights, tile.panel_stride);
                if left > 8 {
                    group::<1, R, H, V, SIGNED>(&mut acc, &lhs, weights.add(GROUP_BYTES), tile.panel_stride);
                }
                weights = weights.add(left.div_ceil(8) * GROUP_BYTES);
            }
            weights = weights.wrapping_add(tile.panel_skip);
        }
        let mut sums = [[vdupq_n_s32(0); V]; R];
        for_each_row!(R, ROW => {
            for v in 0..V {
                sums[ROW][v] = row_of::<ROW>(acc[ROW / 2][v]);
            }
        });
        finish::<Neon, R, V>(sums, tile);
    }
}

/// The upper (even `ROW`) or lower row of two squares.
///
/// # Safety
///
/// NEON.
#[inline(always)]
unsafe fn row_of<const ROW: usize>(squares: Squares) -> int32x4_t {
    // SAFETY: NEON, as the caller promises.
    unsafe {
        let [left, right] = squares.map(|square| vreinterpretq_s64_s32(square));
        vreinterpretq_s32_s64(if ROW % 2 == 0 { vzip1q_s64(left, right) } else { vzip2q_s64(left, right) })
    }
}

/// Multiplies eight depths: half `G` of every row by the weights at `weights` and at the same place of the next panels.
///
/// # Safety
///
/// The matrix products; `GROUP_BYTES` readable bytes in each of `V / PANEL_VECTORS` panels.
#[inline(always)]
unsafe fn group<const G: usize, const R: usize, const H: usize, const V: usize, const SIGNED: bool>(
    acc: &mut [[Squares; V]; H],
    lhs: &[uint8x16_t; R],
    weights: *const u8,
    panel_stride: usize,
) {
    // SAFETY: vector v is 32 bytes of panel v / PANEL_VECTORS, inside its GROUP_BYTES; row 2·PAIR exists because
    // H = ⌈R / 2⌉.
    unsafe {
        let mut pairs = [vdupq_n_u8(0); H];
        for_each_row!(H, PAIR => {
            let upper = vreinterpretq_u64_u8(lhs[2 * PAIR]);
            let lower = vreinterpretq_u64_u8(lhs[if 2 * PAIR + 1 < R { 2 * PAIR + 1 } else { 2 * PAIR }]);
            pairs[PAIR] =
                vreinterpretq_u8_u64(if G == 0 { vzip1q_u64(upper, lower) } else { vzip2q_u64(upper, lower) });
        });
        for v in 0..V {
            let at = weights.add(v / PANEL_VECTORS * panel_stride + v % PANEL_VECTORS * 32);
            let columns = [vld1q_s8(at.cast()), vld1q_s8(at.add(16).cast())];
            for_each_row!(H, PAIR => {
                let [left, right] = &mut acc[PAIR][v];
                *left = multiply::<SIGNED>(*left, pairs[PAIR], columns[0]);
                *right = multiply::<SIGNED>(*right, pairs[PAIR], columns[1]);
            });
        }
    }
}

/// `vmmlaq_s32` or `vusmmlaq_s32`, which are not stable yet: adds the 2×2 products of two rows and two columns of eight
/// depths, the rows' bytes signed or unsigned.
///
/// # Safety
///
/// The CPU has the matrix products.
#[inline(always)]
unsafe fn multiply<const SIGNED: bool>(
    mut acc: int32x4_t,
    rows: uint8x16_t,
    columns: int8x16_t,
) -> int32x4_t {
    // SAFETY: registers only; the instruction exists, as the caller promises.
    unsafe {
        if SIGNED {
            asm!(
                "smmla {acc:v}.4s, {rows:v}.16b, {columns:v}.16b",
                acc = inout(vreg) acc,
                rows = in(vreg) rows,
                columns = in(vreg) columns,
                options(pure, nomem, nostack, preserves_flags),
            );
        } else {
            asm!(
                "usmmla {acc:v}.4s, {rows:v}.16b, {columns:v}.16b",
                acc = inout(vreg) acc,
                rows = in(vreg) rows,
                columns = in(vreg) columns,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
    }
    acc
}
