//! Tiles on `SMMLA` and `USMMLA`: eight depths of two rows by two columns in one instruction.
//!
//! An accumulator holds a square of two rows by two columns; the squares are unzipped to rows before the epilogue. A
//! row without a partner is multiplied twice, which costs a single row nothing: it is bound by its weights.
//!
//! Rows are read in place, so two of them are zipped for every eight depths, by the pipelines that multiply: of `n`
//! columns' `n / 2` products and the zip, the share of products is 8/9 in a tile as wide as a panel. Four rows by 24
//! columns, half of three panels, make it 12/13, with 24 squares in 32 registers. Wide tiles are made of those.

use core::arch::aarch64::*;
use core::arch::asm;

use crate::backend::neon::{Neon, load_first};
use crate::gemm::{
    Depths, GroupTile, GroupTileRows, Layout, LhsForm, PANEL, PLAIN_BYTES, Tile, TileCost, TileRows, Variant,
    down, finish, for_each_row, groupwise_tile,
};
use crate::simd::Simd;

pub(super) const VARIANT: Variant = Variant {
    name: "smmla",
    layout: Layout::bytes("i8-group8", 8),
    lhs: LhsForm::Bytes { flip_signed: 0, flip_unsigned: 0, flip: None },
    row_sums: &PLAIN_BYTES,
    proves: None,
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
        TileRows {
            rows: 4,
            unsigned: &[tile::<4, 2, 4, false>, wide::<2, false>, wide::<3, false>, wide::<4, false>],
            signed: &[tile::<4, 2, 4, true>, wide::<2, true>, wide::<3, true>, wide::<4, true>],
        },
    ],
    groupwise: &[
        GroupTileRows { rows: 1, tiles: &[groupwise::<1, 1>] },
        GroupTileRows { rows: 2, tiles: &[groupwise::<2, 1>] },
        GroupTileRows { rows: 4, tiles: &[groupwise::<4, 2>] },
    ],
    cost: COST,
    folded: None,
    unit: None,
};

/// Neoverse V1 and V2, for eight depths: a row and a panel are four products of four in a cycle, and two zips for each
/// two rows; three loads in a cycle, eight of them for a panel and half of one for a row. The N2 takes twice as long for
/// the products, and no longer for the loads.
const COST: TileCost = TileCost { dot: 9, row: 1, panel: 21 };

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
/// As [`TileFn`](crate::gemm::variant::TileFn): NEON and its matrix products, and the tile's pointers.
#[target_feature(enable = "neon,i8mm")]
unsafe fn tile<const R: usize, const H: usize, const V: usize, const SIGNED: bool>(first: &mut Tile) {
    // SAFETY: the caller's promises, for every tile of the m-block.
    unsafe { down::<R>(first, one::<R, H, V, 0, SIGNED>) }
}

/// Four rows by two to four panels: tiles side by side, of 24 columns as far as possible.
///
/// # Safety
///
/// As [`tile`].
#[target_feature(enable = "neon,i8mm")]
unsafe fn wide<const P: usize, const SIGNED: bool>(first: &mut Tile) {
    const { assert!(P >= 2 && P <= 4) };
    // SAFETY: the caller's promises, for every tile of the m-block. The last of the `P` panels has columns, so each part has.
    unsafe {
        let part = |from, columns| {
            let rest = first.right(from);
            Tile { columns: rest.columns.min(columns), ..rest }
        };
        if P == 2 {
            down::<4>(&mut part(0, 16), one::<4, 2, 4, 0, SIGNED>);
            down::<4>(&mut part(16, 16), one::<4, 2, 4, 0, SIGNED>);
        } else {
            down::<4>(&mut part(0, 24), one::<4, 2, 6, 0, SIGNED>);
            down::<4>(&mut part(24, 24), one::<4, 2, 6, 2, SIGNED>);
        }
        if P == 4 {
            down::<4>(&mut part(48, 16), one::<4, 2, 4, 0, SIGNED>);
        }
    }
}

/// `R` rows, in `H` pairs, by `V` vectors of four columns, of which vector `FIRST` of a panel is the first.
///
/// # Safety
///
/// As [`tile`].
#[target_feature(enable = "neon,i8mm")]
unsafe fn one<const R: usize, const H: usize, const V: usize, const FIRST: usize, const SIGNED: bool>(
    tile: &Tile,
) {
    const { assert!(H == R.div_ceil(2)) };
    // SAFETY: rows are read within `segment_len`; panels hold GROUP_BYTES for every eight depths, the last ones padded,
    // and those that `V` vectors lie in exist; initial accumulators and stage cover every column of these.
    unsafe {
        let isa = Neon::new();
        let mut acc = [[[vdupq_n_s32(0); 2]; V]; H];
        for v in 0..V {
            let init = vreinterpretq_s64_s32(isa.load(tile.init.add(4 * v)));
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
            let mut rows = [tile.panels; R];
            for_each_row!(R, ROW => {
                rows[ROW] = tile.row::<R>(segment, ROW);
            });
            let (stride, len) = (tile.panel_stride, tile.segment_len);
            weights = depths::<R, H, V, FIRST, SIGNED>(&mut acc, &rows, weights, stride, len);
            weights = weights.wrapping_add(tile.panel_skip);
        }
        let mut sums = [[vdupq_n_s32(0); V]; R];
        for_each_row!(R, ROW => {
            for v in 0..V {
                sums[ROW][v] = row_of::<ROW>(acc[ROW / 2][v]);
            }
        });
        finish(isa, sums, tile);
    }
}

/// Adds the products of `len` depths of `R` rows, in `H` pairs, by `V` vectors of columns, of which vector `FIRST` of a panel is the first;
/// returns where the panel goes on.
///
/// # Safety
///
/// The matrix products; the rows are valid for `len` bytes, the panel for whole groups of eight of them, and so is every further panel,
/// `panel_stride` bytes after the last.
#[inline(always)]
unsafe fn depths<const R: usize, const H: usize, const V: usize, const FIRST: usize, const SIGNED: bool>(
    acc: &mut [[Squares; V]; H],
    rows: &[*const u8; R],
    mut weights: *const u8,
    panel_stride: usize,
    len: usize,
) -> *const u8 {
    // SAFETY: the caller's promises.
    unsafe {
        let mut depth = 0;
        while depth + BLOCK <= len {
            let mut lhs = [vdupq_n_u8(0); R];
            for_each_row!(R, ROW => {
                lhs[ROW] = vld1q_u8(rows[ROW].add(depth));
            });
            let pairs = zip::<R, H>(lhs);
            group::<H, V, FIRST, SIGNED>(acc, &pairs[0], weights, panel_stride);
            group::<H, V, FIRST, SIGNED>(acc, &pairs[1], weights.add(GROUP_BYTES), panel_stride);
            weights = weights.add(2 * GROUP_BYTES);
            depth += BLOCK;
        }
        let left = len - depth;
        if left > 0 {
            let mut lhs = [vdupq_n_u8(0); R];
            for_each_row!(R, ROW => {
                lhs[ROW] = load_first(rows[ROW].add(depth), left);
            });
            let pairs = zip::<R, H>(lhs);
            group::<H, V, FIRST, SIGNED>(acc, &pairs[0], weights, panel_stride);
            if left > 8 {
                group::<H, V, FIRST, SIGNED>(acc, &pairs[1], weights.add(GROUP_BYTES), panel_stride);
            }
            weights = weights.add(left.div_ceil(8) * GROUP_BYTES);
        }
        weights
    }
}

/// Rows in `H` pairs, in tiles of weights with scales by group.
#[derive(Clone, Copy)]
struct Grouped<const H: usize>(Neon);

// SAFETY: the functions that make a value have NEON and its matrix products.
unsafe impl<const H: usize> Depths for Grouped<H> {
    type S = Neon;
    const GROUP: usize = 8;

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
        const { assert!(H == R.div_ceil(2)) };
        // SAFETY: the caller's promises.
        unsafe {
            let mut squares = [[[self.0.splat(0); 2]; V]; H];
            depths::<R, H, V, 0, false>(&mut squares, rows, panel, stride, len);
            for_each_row!(R, ROW => {
                for v in 0..V {
                    acc[ROW][v] = self.0.add(acc[ROW][v], row_of::<ROW>(squares[ROW / 2][v]));
                }
            });
        }
    }
}

/// # Safety
///
/// As [`GroupTileFn`](crate::gemm::groupwise::tile::GroupTileFn): NEON and its matrix products, and the tile's pointers.
#[target_feature(enable = "neon,i8mm")]
unsafe fn groupwise<const R: usize, const H: usize>(tile: &GroupTile) {
    // SAFETY: the caller's promises.
    unsafe { groupwise_tile::<_, R, PANEL_VECTORS>(Grouped::<H>(Neon::new()), tile) }
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

/// The rows' pairs: for their first eight depths and for the last eight.
///
/// # Safety
///
/// NEON.
#[inline(always)]
unsafe fn zip<const R: usize, const H: usize>(lhs: [uint8x16_t; R]) -> [[uint8x16_t; H]; 2] {
    // SAFETY: registers only; row 2·PAIR exists because H = ⌈R / 2⌉.
    unsafe {
        let mut pairs = [[vdupq_n_u8(0); H]; 2];
        for_each_row!(H, PAIR => {
            let mut upper = lhs[2 * PAIR];
            let lower = lhs[if 2 * PAIR + 1 < R { 2 * PAIR + 1 } else { 2 * PAIR }];
            let first;
            // Both at once: otherwise the rows would be kept beside the pairs, in registers that are not
            // available.
            asm!(
                "zip1 {first:v}.2d, {upper:v}.2d, {lower:v}.2d",
                "zip2 {upper:v}.2d, {upper:v}.2d, {lower:v}.2d",
                first = out(vreg) first,
                upper = inout(vreg) upper,
                lower = in(vreg) lower,
                options(pure, nomem, nostack, preserves_flags),
            );
            pairs[0][PAIR] = first;
            pairs[1][PAIR] = upper;
        });
        pairs
    }
}

/// Multiplies eight depths: pairs of rows by the weights at `weights` and at the same offset in the next panels.
///
/// # Safety
///
/// The matrix products; `GROUP_BYTES` readable bytes in each of the panels that `V` vectors lie in.
#[inline(always)]
unsafe fn group<const H: usize, const V: usize, const FIRST: usize, const SIGNED: bool>(
    acc: &mut [[Squares; V]; H],
    pairs: &[uint8x16_t; H],
    weights: *const u8,
    panel_stride: usize,
) {
    // SAFETY: a vector is 32 bytes, PANEL_VECTORS of them are a panel's GROUP_BYTES.
    unsafe {
        for_each_row!(V, VECTOR => {
            let at = weights.add((FIRST + VECTOR) / PANEL_VECTORS * panel_stride);
            let mut squares = [acc[0][VECTOR], acc[H - 1][VECTOR]];
            match (FIRST + VECTOR) % PANEL_VECTORS {
                0 => multiply::<H, 0, SIGNED>(&mut squares, pairs, at),
                1 => multiply::<H, 32, SIGNED>(&mut squares, pairs, at),
                2 => multiply::<H, 64, SIGNED>(&mut squares, pairs, at),
                _ => multiply::<H, 96, SIGNED>(&mut squares, pairs, at),
            }
            acc[H - 1][VECTOR] = squares[H - 1];
            acc[0][VECTOR] = squares[0];
        });
    }
}

/// Loads eight depths of four columns and multiplies one pair of rows by them, or two: `vmmlaq_s32` or `vusmmlaq_s32`,
/// which are not stable yet, the rows' bytes signed or unsigned.
///
/// The loads are part of it because the compiler would hoist them, into registers that are not available.
macro_rules! multiply_by {
    ($instruction:literal, one, $squares:ident, $pairs:ident, $weights:ident, $offset:ident) => {
        asm!(
            "ldp {left:q}, {right:q}, [{weights}, #{offset}]",
            concat!($instruction, " {acc0:v}.4s, {rows0:v}.16b, {left:v}.16b"),
            concat!($instruction, " {acc1:v}.4s, {rows0:v}.16b, {right:v}.16b"),
            weights = in(reg) $weights,
            offset = const $offset,
            left = out(vreg) _,
            right = out(vreg) _,
            rows0 = in(vreg) $pairs[0],
            acc0 = inout(vreg) $squares[0][0],
            acc1 = inout(vreg) $squares[0][1],
            options(pure, readonly, nostack, preserves_flags),
        )
    };
    ($instruction:literal, two, $squares:ident, $pairs:ident, $weights:ident, $offset:ident) => {
        asm!(
            "ldp {left:q}, {right:q}, [{weights}, #{offset}]",
            concat!($instruction, " {acc0:v}.4s, {rows0:v}.16b, {left:v}.16b"),
            concat!($instruction, " {acc2:v}.4s, {rows1:v}.16b, {left:v}.16b"),
            concat!($instruction, " {acc1:v}.4s, {rows0:v}.16b, {right:v}.16b"),
            concat!($instruction, " {acc3:v}.4s, {rows1:v}.16b, {right:v}.16b"),
            weights = in(reg) $weights,
            offset = const $offset,
            left = out(vreg) _,
            right = out(vreg) _,
            rows0 = in(vreg) $pairs[0],
            rows1 = in(vreg) $pairs[1],
            acc0 = inout(vreg) $squares[0][0],
            acc1 = inout(vreg) $squares[0][1],
            acc2 = inout(vreg) $squares[1][0],
            acc3 = inout(vreg) $squares[1][1],
            options(pure, readonly, nostack, preserves_flags),
        )
    };
}

/// Adds the 2×2 products of each of `H` pairs of rows and of four columns, eight depths at `weights + OFFSET`.
///
/// # Safety
///
/// The matrix products; 32 readable bytes at `weights + OFFSET`.
#[inline(always)]
unsafe fn multiply<const H: usize, const OFFSET: usize, const SIGNED: bool>(
    squares: &mut [Squares; 2],
    pairs: &[uint8x16_t; H],
    weights: *const u8,
) {
    // SAFETY: the instructions exist and the bytes can be read, as the caller promises.
    unsafe {
        match (H, SIGNED) {
            (1, true) => multiply_by!("smmla", one, squares, pairs, weights, OFFSET),
            (1, false) => multiply_by!("usmmla", one, squares, pairs, weights, OFFSET),
            (_, true) => multiply_by!("smmla", two, squares, pairs, weights, OFFSET),
            (_, false) => multiply_by!("usmmla", two, squares, pairs, weights, OFFSET),
        }
    }
}
