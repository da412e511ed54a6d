//! Tiles on `vpmaddubsw` for narrow weights: those of which packing has proved that no sum of two products leaves an
//! `i16`, so that the instruction, which saturates, never does.
//!
//! Rows are read in place, and a multiplication covers twice the depth of [`words`](super::words).

use core::arch::x86_64::*;

use super::{Avx2, loops};
use crate::gemm::dot4::{self, Dot4};
use crate::gemm::{GemmTable, Layout, Tile, TileCost, TileRows};
use crate::simd::Simd;

pub(super) static TABLE: GemmTable = GemmTable {
    layout: Layout { name: "i8-group4", group: dot4::GROUP },
    lhs: dot4::LHS,
    tiles: &[
        TileRows {
            rows: 1,
            unsigned: &[tile::<1, 2, false>, tile::<1, 4, false>],
            signed: &[tile::<1, 2, true>, tile::<1, 4, true>],
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
    // Four multiplications on two pipes.
    cost: TileCost { dot: 16, row: 4, panel: 8 },
    narrow: None,
};

struct DotPairs;

// SAFETY: `vpmaddubsw` gives `u8·i8 + u8·i8` by pair, and does not saturate: the driver calls these tiles only for panels
// whose pairs of weights `gemm::panels` has proved narrow, of which 255 · 128 is the greatest sum. AVX2 as enabled below.
unsafe impl Dot4 for DotPairs {
    type S = Avx2;

    #[inline(always)]
    unsafe fn dot(acc: __m256i, activations: __m256i, weights: __m256i) -> __m256i {
        // SAFETY: the caller promises AVX2.
        unsafe {
            let pairs = _mm256_maddubs_epi16(activations, weights);
            _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
        }
    }

    #[inline(always)]
    unsafe fn groups<const R: usize, const V: usize, const SIGNED: bool>(
        acc: &mut [[__m256i; V]; R],
        rows: &[*const u8; R],
        panel: *const u8,
        groups: usize,
        far: bool,
    ) -> bool {
        if R != loops::ROWS || V != 2 {
            return false;
        }
        // SAFETY: the caller's promises; the arrays have the lengths that the loop wants.
        unsafe {
            let acc = &mut *acc.as_mut_ptr().cast::<loops::Accumulators>();
            let rows = *rows.as_ptr().cast();
            if far {
                loops::bytes::<SIGNED, true>(acc, rows, panel, groups);
            } else {
                loops::bytes::<SIGNED, false>(acc, rows, panel, groups);
            }
        }
        true
    }

    #[inline(always)]
    unsafe fn flip(a: __m256i, top_bits: *const i32) -> __m256i {
        // SAFETY: the caller promises AVX2 and the top bits.
        unsafe { _mm256_xor_si256(a, Avx2::load(top_bits)) }
    }
}

/// `R` rows by `V / 2` panels, or by half a panel.
///
/// # Safety
///
/// As [`TileFn`](crate::gemm::TileFn), for narrow panels.
#[target_feature(enable = "avx2")]
unsafe fn tile<const R: usize, const V: usize, const SIGNED: bool>(tile: &mut Tile) {
    // SAFETY: AVX2 is enabled here; the layout is of groups of four.
    unsafe { dot4::strip::<DotPairs, R, V, SIGNED>(tile) }
}
