//! Tiles on `vpmaddubsw` for pair-safe weights: those of which packing has proved that no sum of two products leaves an
//! `i16`, so that the instruction, which saturates, never does.
//!
//! Rows are read in place, and a multiplication covers twice the depth of [`i16_pairs`](super::i16_pairs).

use core::arch::x86_64::*;

use super::{Avx2, loops};
use crate::gemm::dot4::{self, Dot4};
use crate::gemm::{Layout, Property, Tile, TileCost, Variant};
use crate::simd::Simd;

pub(super) const VARIANT: Variant = Variant {
    name: "vpmaddubsw",
    layout: Layout::GROUPS_OF_4,
    lhs: dot4::lhs::<DotPairs>(),
    proves: Some(&PAIR_SAFE),
    tiles: dot4::tiles!(tile; 1: 2 4; 2: 2 4; 3: 2; 4: 2; 5: 2; 6: 2),
    // Four multiplications on two pipes.
    cost: TileCost { dot: 16, row: 4, panel: 8 },
};

/// Sums of products of unsigned bytes with a pair of weights fit an `i16`, whatever the bytes: the positive weights add up
/// to 128 at most and the negative ones to −128 at least, and 255 · 128 = 32 640.
static PAIR_SAFE: Property = Property {
    name: "pair-safe",
    depths: 2,
    holds: |canonical| {
        canonical.chunks_exact(2).all(|pair| {
            let [a, b] = [pair[0], pair[1]].map(|weight| i32::from(weight.cast_signed()));
            a.max(0) + b.max(0) <= 128 && a.min(0) + b.min(0) >= -128
        })
    },
};

struct DotPairs;

// SAFETY: `vpmaddubsw` gives `u8·i8 + u8·i8` by pair, and does not saturate: the driver calls these tiles only for panels
// whose weights are proved to be pair-safe. AVX2 as enabled below.
unsafe impl Dot4 for DotPairs {
    type S = Avx2;
    const FLIPS: bool = true;

    #[inline(always)]
    unsafe fn dot<const SIGNED: bool>(acc: __m256i, activations: __m256i, weights: __m256i) -> __m256i {
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
        prefetch: bool,
    ) -> bool {
        if R != loops::ROWS || V != 2 {
            return false;
        }
        // SAFETY: the caller's promises; the arrays have the lengths that the loop wants.
        unsafe {
            let acc = &mut *acc.as_mut_ptr().cast::<loops::Accumulators>();
            let rows = *rows.as_ptr().cast();
            if prefetch {
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

/// `R` rows by `V / 2` panels, or half-width.
///
/// # Safety
///
/// As [`TileFn`](crate::gemm::variant::TileFn), for pair-safe panels.
#[target_feature(enable = "avx2")]
unsafe fn tile<const R: usize, const V: usize, const SIGNED: bool>(tile: &mut Tile) {
    // SAFETY: AVX2 is enabled here; the layout is of groups of four.
    unsafe { dot4::m_block::<DotPairs, R, V, SIGNED>(tile) }
}
