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

use super::{Neon, load_first};
use crate::gemm::{Layout, LhsForm, PANEL, Tile, TileCost, TileRows, Variant, down, finish, for_each_row};
use crate::simd::Simd;

pub(super) const VARIANT: Variant = Variant {
    name: "smull",
    layout: Layout::GROUPS_OF_4,
    lhs: LhsForm::Bytes { flip_signed: 0, flip_unsigned: -128 },
    proves: None,
    tiles: &[
        TileRows { rows: 1, unsigned: &[tile::<1, 4, 0x80>], signed: &[tile::<1, 4, 0>] },
        TileRows { rows: 2, unsigned: &[tile::<2, 4, 0x80>], signed: &[tile::<2, 4, 0>] },
    ],
    cost: TileCost::EVEN,
};

/// Depths that a whole load of a row covers.
const BLOCK: usize = 16;
/// Bytes of a panel that belong to four depths.
const GROUP_BYTES: usize = 4 * PANEL;
/// Vectors of four columns in a panel.
const PANEL_VECTORS: usize = PANEL / 4;

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
    // SAFETY: rows are read within `segment_len`; panels hold GROUP_BYTES for every four depths, the last ones padded,
    // and `V` vectors are `V / PANEL_VECTORS` panels; initial accumulators and stage cover every column of them.
    unsafe {
        let flip = vdupq_n_u8(FLIP);
        let mut acc = [[[vdupq_n_s32(0); 2]; V]; R];
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
        let isa = Neon::new();
        let mut sums = [[vdupq_n_s32(0); V]; R];
        for_each_row!(R, ROW => {
            for v in 0..V {
                let [low, high] = acc[ROW][v];
                sums[ROW][v] = vaddq_s32(vpaddq_s32(low, high), isa.load(tile.init.add(4 * v)));
            }
        });
        finish(isa, sums, tile);
    }
}

/// Multiplies four depths: lane `G` of every row by the weights at `weights` and at the same offset in the next panels.
///
/// # Safety
///
/// NEON; `GROUP_BYTES` readable bytes in each of `V / PANEL_VECTORS` panels.
#[inline(always)]
unsafe fn group<const G: i32, const R: usize, const V: usize>(
    acc: &mut [[Halves; V]; R],
    lhs: &[uint8x16_t; R],
    weights: *const u8,
    panel_stride: usize,
) {
    // SAFETY: vector v lies in panel v / PANEL_VECTORS, inside its GROUP_BYTES.
    unsafe {
        let mut depths = [vdupq_n_s8(0); R];
        for_each_row!(R, ROW => {
            depths[ROW] = vreinterpretq_s8_s32(vdupq_laneq_s32::<G>(vreinterpretq_s32_u8(lhs[ROW])));
        });
        for v in 0..V {
            let at = weights.add(v / PANEL_VECTORS * panel_stride + v % PANEL_VECTORS * 16);
            let columns = vld1q_s8(at.cast());
            for_each_row!(R, ROW => {
                let [low, high] = &mut acc[ROW][v];
                *low = vpadalq_s16(*low, vmull_s8(vget_low_s8(columns), vget_low_s8(depths[ROW])));
                *high = vpadalq_s16(*high, vmull_high_s8(columns, depths[ROW]));
            });
        }
    }
}
