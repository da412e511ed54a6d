//! Tiles on `vpdpbusd ymm`. The saturating `vpdpbusds` is never used: offsets cancel mod 2³² only.

use core::arch::asm;
use core::arch::x86_64::*;

use crate::backend::avx2::Avx2;
use crate::gemm::dot4::{self, Dot4};
use crate::gemm::{Layout, Tile, TileCost, Variant};

/// The tiles of an ISA's function.
macro_rules! tiles {
    ($tile:ident) => {
        $crate::gemm::dot4::tiles!($tile; 1: 2 4 6 8; 2: 2 4; 3: 2; 4: 2; 5: 2; 6: 2)
    };
}
pub(crate) use tiles;

/// Six rows by one panel (two vectors) keep 12 accumulators in flight, which covers the latency of two `vpdpbusd` a
/// cycle, in 15 of 16 registers.
pub(crate) const VARIANT: Variant = Variant {
    name: "vpdpbusd",
    layout: Layout::GROUPS_OF_4,
    lhs: dot4::lhs::<DotYmm>(),
    proves: None,
    tiles: tiles!(tile),
    // Two `vpdpbusd` of a panel's two vectors in a cycle, and two loads.
    cost: TileCost { dot: 8, row: 4, panel: 8 },
};

struct DotYmm;

// SAFETY: `vpdpbusd` is the wrapping sum of the four products and the accumulator; AVX2 and AVX-VNNI as enabled below.
unsafe impl Dot4 for DotYmm {
    type S = Avx2;
    const FLIPS: bool = true;

    #[inline(always)]
    unsafe fn dot<const SIGNED: bool>(acc: __m256i, activations: __m256i, weights: __m256i) -> __m256i {
        // SAFETY: the caller promises AVX-VNNI.
        unsafe { _mm256_dpbusd_avx_epi32(acc, activations, weights) }
    }

    // The compiler needs the feature here to know the register; the functions that this is inlined into have it.
    #[inline]
    #[target_feature(enable = "avx2")]
    unsafe fn flip(mut a: __m256i, top_bits: *const i32) -> __m256i {
        // SAFETY: the caller promises AVX2 and the top bits. From memory, because the tallest tile has no register for
        // them: given one, the compiler moves accumulators between registers in the loop.
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

/// `R` rows by `V / 2` panels, or half-width.
///
/// # Safety
///
/// As [`TileFn`](crate::gemm::variant::TileFn).
#[target_feature(enable = "avx2,avxvnni")]
unsafe fn tile<const R: usize, const V: usize, const SIGNED: bool>(tile: &mut Tile) {
    // SAFETY: the features are enabled here; the layout is of groups of four.
    unsafe { dot4::m_block::<DotYmm, R, V, SIGNED>(tile) }
}
