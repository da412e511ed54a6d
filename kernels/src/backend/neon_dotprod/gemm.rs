//! Tiles on `SDOT` by lane: four depths of four columns in one instruction.
//!
//! A load of sixteen bytes of a row feeds four groups of four depths, and a load of weights feeds every row: `R` rows
//! by a panel take, for each four depths, `4·R` products and `4 + R/4` loads. Four rows keep the multipliers of every
//! core so far busy; six would fit the registers, but not together with the flip of unsigned activations.

use core::arch::aarch64::*;
use core::arch::asm;

use crate::backend::neon::{FourDepths, Grouped, Neon, all_depths};
use crate::gemm::{
    GroupTile, Layout, LhsForm, PLAIN_BYTES, Tile, TileCost, TileRows, Variant, down, finish, for_each_row,
    groupwise_tile, groupwise_tiles,
};
use crate::simd::Simd;

pub(super) const VARIANT: Variant = Variant {
    name: "sdot",
    layout: Layout::GROUPS_OF_4,
    lhs: LhsForm::Bytes { flip_signed: 0, flip_unsigned: -128, flip: None },
    row_sums: &PLAIN_BYTES,
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
    // Rows in fours have floats in memory meanwhile.
    groupwise: groupwise_tiles!(groupwise; 1: 4; 2: 4; 4: 4),
    cost: COST,
    folded: None,
    unit: None,
};

/// Cortex-A76 and Neoverse N1, for four depths: a row and a panel are four products of two in a cycle; two loads in a
/// cycle, four of them for a panel and a quarter of one for a row. The cores with four products in a cycle take half as
/// long for them and two thirds for the loads.
const COST: TileCost = TileCost { dot: 16, row: 1, panel: 16 };

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
    // SAFETY: the caller's promises; initial accumulators cover every column of the tile.
    unsafe {
        let isa = Neon::new();
        let mut acc = [[isa.splat(0); V]; R];
        for_each_row!(R, ROW => {
            for v in 0..V {
                acc[ROW][v] = isa.load(tile.init.add(4 * v));
            }
        });
        all_depths::<_, R, V, FLIP>(&mut acc, tile);
        finish(isa, acc, tile);
    }
}

/// # Safety
///
/// As [`GroupTileFn`](crate::gemm::groupwise::tile::GroupTileFn): NEON and its dot product, and the tile's pointers.
#[target_feature(enable = "neon,dotprod")]
unsafe fn groupwise<const R: usize, const V: usize>(tile: &GroupTile) {
    // SAFETY: the caller's promises.
    unsafe { groupwise_tile::<_, R, V>(Grouped::<int32x4_t>::new(), tile) }
}

/// `vdotq_laneq_s32`, which is not stable yet.
impl FourDepths for int32x4_t {
    #[inline(always)]
    unsafe fn of_totals(totals: int32x4_t) -> int32x4_t {
        totals
    }

    #[inline(always)]
    unsafe fn totals(self) -> int32x4_t {
        self
    }

    #[inline(always)]
    unsafe fn dot<const G: i32>(mut self, columns: int8x16_t, depths: uint8x16_t) -> int32x4_t {
        // SAFETY: registers only; the instruction exists, as the caller promises.
        unsafe {
            asm!(
                "sdot {acc:v}.4s, {columns:v}.16b, {depths:v}.4b[{lane}]",
                acc = inout(vreg) self,
                columns = in(vreg) columns,
                depths = in(vreg) depths,
                lane = const G,
                options(pure, nomem, nostack, preserves_flags),
            );
        }
        self
    }
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
