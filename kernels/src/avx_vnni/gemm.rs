//! Tiles on `vpdpbusd ymm`. The saturating `vpdpbusds` is never used: offsets cancel mod 2³² only.

use core::arch::asm;
use core::arch::x86_64::*;

use crate::avx2::Avx2;
use crate::gemm::dot4::{self, Dot4};
use crate::gemm::{GemmTable, Layout, Tile, TileCost, TileRows};

/// Six rows by one panel (two vectors) keep 12 accumulators in flight, which covers the latency of two `vpdpbusd` a
/// cycle, in 15 of 16 registers.
pub(super) const TABLE: GemmTable = GemmTable {
    layout: Layout { name: "i8-group4", group: dot4::GROUP },
    lhs: dot4::LHS,
    tiles: &[
        TileRows {
            rows: 1,
            unsigned: &[tile::<1, 2, false>, tile::<1, 4, false>, tile::<1, 6, false>, tile::<1, 8, false>],
            signed: &[tile::<1, 2, true>, tile::<1, 4, true>, tile::<1, 6, true>, tile::<1, 8, true>],
        },
        TileRows {
            rows: 2,
            unsigned: &[tile::<2, 2, false>, tile::<2, 4, false>],
            signed: &[tile::<2, 2, true>, tile::<2, 4, true>],
        },
        TileRows { rows: 3, unsigned: &[tile::<3, 2, false>], signed: &[tile::<3, 2, true>] },
        TileRows { rows: 4, unsigned: &[tile::<4, 2, false>], signed: &[tile::<4, 2, true>] },
        TileRows { rows: 5, unsigned: &[tile::<5, 2, false>], signed: &[tile::<5, 2, true>] },
        TileRows { rows: 6, unsigned: &[tile::<6, 2, false>], signed: &[tile::<6, 2, true>] },
    ],
    // Two `vpdpbusd` of a panel's two vectors in a cycle, and two loads.
    cost: TileCost { dot: 8, row: 4, panel: 8 },
    narrow: None,
};

struct DotYmm;

// SAFETY: `vpdpbusd` is the wrapping sum of the four products and the accumulator; AVX2 and AVX-VNNI as enabled below.
unsafe impl Dot4 for DotYmm {
    type S = Avx2;

    #[inline(always)]
    unsafe fn dot(acc: __m256i, activations: __m256i, weights: __m256i) -> __m256i {
        // SAFETY: the caller promises AVX-VNNI.
        unsafe { _mm256_dpbusd_avx_epi32(acc, activations, weights) }
    }

    // The compiler wants the feature here to know the register; what it inlines this into has it.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn flip(mut a: __m256i, top_bits: *const i32) -> __m256i {
        // SAFETY: the caller promises AVX2 and the top bits. From memory, because the tallest tile has no register for
        // them: given one, the compiler moves accumulators about in the loop.
        unsafe {
            asm!(
                "vpxor {a}, {a}, ymmword ptr [{top_bits}]",
                a = inout(ymm_reg) a,
                top_bits = in(reg) top_bits,
                options(pure, readonly, nostack, preserves_flags),
            );
        }
        a
    }
}

/// `R` rows by `V / 2` panels, or by half a panel.
///
/// # Safety
///
/// As [`TileFn`](crate::gemm::TileFn).
#[target_feature(enable = "avx2,avxvnni")]
unsafe fn tile<const R: usize, const V: usize, const SIGNED: bool>(tile: &mut Tile) {
    // SAFETY: the features are enabled here; the layout is of groups of four.
    unsafe { dot4::strip::<DotYmm, R, V, SIGNED>(tile) }
}
