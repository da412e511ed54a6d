//! Tiles on `vpdpbusd zmm`: one vector is one group of a panel.

use core::arch::x86_64::*;

use super::Avx512;
use crate::gemm::dot4::{self, Dot4};
use crate::gemm::{Finish, Layout, Tile, TileCost, Variant, in_memory};
use crate::simd::Simd;

/// A tile needs `rows · panels` accumulators, `panels` weights and a broadcast of the 32 registers, and about ten
/// accumulators in flight to cover the latency of two `vpdpbusd` a cycle. Wide and low tiles need the fewest loads per
/// product; the high ones are for outputs of one or two panels.
pub(super) const VARIANT: Variant = Variant {
    name: "vpdpbusd",
    layout: Layout::GROUPS_OF_4,
    lhs: dot4::lhs::<DotZmm>(),
    proves: None,
    tiles: dot4::tiles!(tile; 1: 1 2 3 4; 2: 1 2 3 4; 4: 1 2 3 4; 6: 1 2 3 4; 8: 1 2 3; 12: 1 2),
    // Zen 4: one 512-bit `vpdpbusd` or load in a cycle, two broadcasts. Intel servers do two of each: the same ratio.
    cost: TileCost { dot: 8, row: 4, panel: 8 },
};

struct DotZmm;

// SAFETY: `vpdpbusd` is the wrapping sum of the four products and the accumulator; AVX-512F and VNNI as enabled below.
unsafe impl Dot4 for DotZmm {
    type S = Avx512;
    const FLIPS: bool = true;

    #[inline(always)]
    unsafe fn dot<const SIGNED: bool>(acc: __m512i, activations: __m512i, weights: __m512i) -> __m512i {
        // SAFETY: the caller promises AVX-512 VNNI.
        unsafe { _mm512_dpbusd_epi32(acc, activations, weights) }
    }

    #[inline(always)]
    unsafe fn flip(a: __m512i, top_bits: *const i32) -> __m512i {
        // SAFETY: the caller promises AVX-512F and the top bits.
        unsafe { _mm512_xor_si512(a, Avx512::load(top_bits)) }
    }
}

// SAFETY: the function is `in_memory`, with the features of `Avx512`.
unsafe impl Finish for Avx512 {
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn finish_in_memory(acc: *const i32, vectors: usize, tile: &Tile) {
        // SAFETY: the caller's promises.
        unsafe { in_memory::<Avx512>(acc, vectors, tile) }
    }
}

/// `R` rows by `P` panels.
///
/// # Safety
///
/// As [`TileFn`](crate::gemm::variant::TileFn).
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn tile<const R: usize, const P: usize, const SIGNED: bool>(tile: &mut Tile) {
    // SAFETY: the features are enabled here; the layout is of groups of four.
    unsafe { dot4::m_block::<DotZmm, R, P, SIGNED>(tile) }
}
