//! Tiles on `vpdpbusd zmm`: one vector is one group of a panel.

use core::arch::x86_64::*;

use super::Avx512;
use crate::gemm::{Layout, TileCost, Variant, dot4, finish_in_memory};
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

dot4::instruction! {
    /// `vpdpbusd` is the wrapping sum of the four products and the accumulator.
    DotZmm: Avx512, "avx512f,avx512bw,avx512vl,avx512vnni",
    // SAFETY: the caller promises AVX-512 VNNI.
    |acc, activations, weights| unsafe { _mm512_dpbusd_epi32(acc, activations, weights) };

    #[inline(always)]
    unsafe fn flip(a: __m512i, top_bits: *const i32) -> __m512i {
        // SAFETY: the caller promises AVX-512F and the top bits.
        unsafe { _mm512_xor_si512(a, Avx512::load(top_bits)) }
    }
}

finish_in_memory!(Avx512, "avx512f,avx512bw,avx512vl,avx512vnni");
