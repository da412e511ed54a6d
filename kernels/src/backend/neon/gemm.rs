//! Tiles on `SMULL` and `SADALP`: eight exact 16-bit products, added in pairs to 32-bit lanes.
//!
//! The usual kernel adds two products in 16 bits (`SMULL`, `SMLAL`) before it widens, which overflows at
//! −128·−128 + −128·−128 = 2¹⁵. Widening every product costs one more `SADALP` in four instructions, but that one runs
//! beside the multiplications: Cortex-A57 and A72 multiply in one of their two vector pipelines and do pairwise sums
//! in the other. Against `SMLAL` by lane on 16-bit activations, which keeps only the multiplying pipeline busy, this
//! does twice the products per cycle there, about the same number on an in-order Cortex-A53, and reads rows in place.
//!
//! A vector of packed weights holds four columns of four depths. Two 32-bit lanes gather the even and the odd pairs of
//! depths of a column; they are added at the end of the depth.

use core::arch::aarch64::*;

use super::Neon;
use super::depths::{FourDepths, Grouped, all_depths};
use crate::gemm::{
    GroupTile, Layout, LhsForm, PLAIN_BYTES, Tile, TileCost, TileRows, Variant, down, finish, for_each_row,
    groupwise_tile, groupwise_tiles,
};
use crate::simd::Simd;

pub(super) const VARIANT: Variant = Variant {
    name: "smull",
    layout: Layout::GROUPS_OF_4,
    lhs: LhsForm::Bytes { flip_signed: 0, flip_unsigned: -128, flip: None },
    row_sums: &PLAIN_BYTES,
    proves: None,
    tiles: &[
        TileRows { rows: 1, unsigned: &[tile::<1, 4, 0x80>], signed: &[tile::<1, 4, 0>] },
        TileRows { rows: 2, unsigned: &[tile::<2, 4, 0x80>], signed: &[tile::<2, 4, 0>] },
    ],
    groupwise: groupwise_tiles!(groupwise; 1: 4; 2: 4),
    cost: TileCost::EVEN,
    folded: None,
    unit: None,
};

/// Two partial sums for each of four columns.
type Halves = [int32x4_t; 2];

/// `R` rows by `V` vectors of four columns; activations are signed after `FLIP` is XORed to them.
///
/// # Safety
///
/// As [`TileFn`](crate::gemm::variant::TileFn): NEON, and the tile's pointers.
#[target_feature(enable = "neon")]
unsafe fn tile<const R: usize, const V: usize, const FLIP: u8>(first: &mut Tile) {
    // SAFETY: the caller's promises, for every tile of the m-block.
    unsafe { down::<R>(first, one::<R, V, FLIP>) }
}

/// # Safety
///
/// As [`tile`].
#[target_feature(enable = "neon")]
unsafe fn one<const R: usize, const V: usize, const FLIP: u8>(tile: &Tile) {
    // SAFETY: the caller's promises; initial accumulators cover every column of the tile.
    unsafe {
        let isa = Neon::new();
        let mut acc = [[[isa.splat(0); 2]; V]; R];
        all_depths::<_, R, V, FLIP>(&mut acc, tile);
        let mut sums = [[isa.splat(0); V]; R];
        for_each_row!(R, ROW => {
            for v in 0..V {
                sums[ROW][v] = isa.add(acc[ROW][v].totals(), isa.load(tile.init.add(4 * v)));
            }
        });
        finish(isa, sums, tile);
    }
}

/// # Safety
///
/// As [`GroupTileFn`](crate::gemm::groupwise::tile::GroupTileFn): NEON, and the tile's pointers.
#[target_feature(enable = "neon")]
unsafe fn groupwise<const R: usize, const V: usize>(tile: &GroupTile) {
    // SAFETY: the caller's promises.
    unsafe { groupwise_tile::<_, R, V>(Grouped::<Halves>::new(), tile) }
}

impl FourDepths for Halves {
    #[inline(always)]
    unsafe fn of_totals(totals: int32x4_t) -> Halves {
        // SAFETY: NEON, by the caller's promise.
        unsafe {
            let none = vdupq_n_s32(0);
            // The even lanes of a half are added to the odd ones.
            [vzip1q_s32(totals, none), vzip2q_s32(totals, none)]
        }
    }

    #[inline(always)]
    unsafe fn totals(self) -> int32x4_t {
        // SAFETY: NEON, by the caller's promise.
        unsafe { vpaddq_s32(self[0], self[1]) }
    }

    #[inline(always)]
    unsafe fn dot<const G: i32>(self, columns: int8x16_t, depths: uint8x16_t) -> Halves {
        // SAFETY: NEON, by the caller's promise.
        unsafe {
            let depths = vreinterpretq_s8_s32(vdupq_laneq_s32::<G>(vreinterpretq_s32_u8(depths)));
            let [low, high] = self;
            [
                vpadalq_s16(low, vmull_s8(vget_low_s8(columns), vget_low_s8(depths))),
                vpadalq_s16(high, vmull_high_s8(columns, depths)),
            ]
        }
    }
}
