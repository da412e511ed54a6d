//! Tiles on `vpmaddubsw` for pair-safe weights: those of which packing has proved that no sum of two products leaves an
//! `i16`, so that the instruction, which saturates, never does.
//!
//! Rows are read in place, and a multiplication covers twice the depth of [`i16_pairs`](super::i16_pairs).

use core::arch::x86_64::*;

use super::{Avx2, flip_rows, loops, row_sums};
use crate::gemm::dot4;
use crate::gemm::{Layout, Property, TileCost, Variant, groupwise_tiles};

pub(super) const VARIANT: Variant = Variant {
    name: "vpmaddubsw",
    layout: Layout::GROUPS_OF_4,
    lhs: dot4::lhs::<DotPairs>(flip_rows),
    row_sums: &row_sums::BYTES,
    proves: Some(&PAIR_SAFE),
    tiles: dot4::tiles!(tile; 1: 2 4; 2: 2 4; 3: 2; 4: 2; 5: 2; 6: 2),
    groupwise: groupwise_tiles!(groupwise; 1: 2 4; 2: 2; 3: 2; 4: 2; 6: 2),
    // Four multiplications on two pipes.
    cost: TileCost { dot: 16, row: 4, panel: 8 },
    folded: None,
    unit: None,
};

/// Sums of products of unsigned bytes with a pair of weights fit an `i16`, whatever the bytes: the positive weights add up
/// to 128 at most and the negative ones to −128 at least, and 255 · 128 = 32 640.
static PAIR_SAFE: Property =
    Property { name: "pair-safe", holds: |canonical| canonical.chunks(BLOCK).all(pairs_are_safe) };

/// Bytes that are tested together, without a branch for each pair.
const BLOCK: usize = 4096;

fn pairs_are_safe(canonical: &[u8]) -> bool {
    let (mut most, mut least) = (0, 0);
    for &pair in canonical.as_chunks().0 {
        let pair = i16::from_le_bytes(pair);
        let (a, b) = (pair << 8 >> 8, pair >> 8);
        most = most.max(a.max(0) + b.max(0));
        least = least.min(a.min(0) + b.min(0));
    }
    most <= 128 && least >= -128
}

dot4::instruction! {
    /// `vpmaddubsw` and `vpmaddwd`: the first one gives `u8·i8 + u8·i8` by pair, and does not saturate, because the driver calls
    /// these tiles only for panels whose weights are proved to be pair-safe.
    DotPairs(Avx2): "AVX2 and FMA", "avx2,fma";
    dot<SIGNED>(acc, activations, weights) = {
        let pairs = _mm256_maddubs_epi16(activations, weights);
        _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
    };
    #[inline(always)]
    unsafe fn groups<const R: usize, const V: usize, const SIGNED: bool>(
        self,
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
}
