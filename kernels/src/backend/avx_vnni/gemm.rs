//! Tiles on `vpdpbusd ymm`. The saturating `vpdpbusds` is never used: offsets cancel mod 2³² only.

use core::arch::asm;
use core::arch::x86_64::*;

use crate::backend::avx2::{Avx2, flip_rows, row_sums};
use crate::gemm::dot4::{self, TopBits};
use crate::gemm::folded;
use crate::gemm::{Folded, Layout, TileCost, Variant};

/// The tiles of an ISA's function.
macro_rules! tiles {
    ($tile:ident) => {
        $crate::gemm::dot4::tiles!($tile; 1: 2 4 6 8; 2: 2 4; 3: 2; 4: 2; 5: 2; 6: 2)
    };
}
pub(crate) use tiles;

/// The tiles of its function for weights in groups: floats stay in memory while integers are added up.
macro_rules! groupwise_tiles {
    ($tile:ident) => {
        $crate::gemm::groupwise_tiles!($tile; 1: 2 4; 2: 2; 3: 2; 4: 2; 6: 2)
    };
}
pub(crate) use groupwise_tiles;

/// The tiles of its function for folded weights.
macro_rules! folded_tiles {
    ($tile:ident) => {
        $crate::gemm::dot4::tiles!($tile; 1: 2 4; 2: 2; 4: 2)
    };
}
pub(crate) use folded_tiles;

/// Those for folded weights in groups.
macro_rules! folded_groupwise_tiles {
    ($tile:ident) => {
        $crate::gemm::groupwise_tiles!($tile; 1: 2 4; 2: 2)
    };
}
pub(crate) use folded_groupwise_tiles;

/// Rows of the tallest of them: taller ones have no registers for fields beside their accumulators.
pub(crate) const MOST_FOLDED_ROWS: usize = 4;

/// Six rows by one panel (two vectors) keep 12 accumulators in flight, which covers the latency of two `vpdpbusd` a
/// cycle, in 15 of 16 registers.
pub(crate) const VARIANT: Variant = Variant { folded: Some(&FOLDED), ..BYTES };

const BYTES: Variant = Variant {
    name: "vpdpbusd",
    layout: Layout::GROUPS_OF_4,
    lhs: dot4::lhs::<DotYmm>(flip_rows),
    row_sums: &row_sums::BYTES,
    proves: None,
    tiles: tiles!(tile),
    groupwise: groupwise_tiles!(groupwise),
    // Two `vpdpbusd` of a panel's two vectors in a cycle, and two loads.
    cost: TileCost { dot: 8, row: 4, panel: 8 },
    folded: None,
    unit: None,
};

static FOLDED: Folded = Folded {
    four: Variant { tiles: folded_tiles!(folded4), groupwise: folded_groupwise_tiles!(groupwise4), ..BYTES },
    two: Variant { tiles: folded_tiles!(folded2), groupwise: folded_groupwise_tiles!(groupwise2), ..BYTES },
    most_rows: MOST_FOLDED_ROWS,
    most_groupwise_rows: MOST_FOLDED_ROWS,
};

folded::folded!(DotYmm, "avx2,fma,avxvnni");

dot4::instruction! {
    /// `vpdpbusd ymm`.
    pub(super) DotYmm(Avx2): "AVX2, FMA and AVX-VNNI", "avx2,fma,avxvnni";
    dot<SIGNED>(acc, activations, weights) = _mm256_dpbusd_avx_epi32(acc, activations, weights);
    #[inline(always)]
    fn flip(self, a: __m256i, top_bits: &TopBits) -> __m256i {
        // SAFETY: the token.
        unsafe { flip(a, top_bits) }
    }
}

/// Flips the top bits. From memory, because the tallest tile has no register for them: given one, the compiler moves
/// accumulators between registers in the loop.
///
/// # Safety
///
/// AVX2: the compiler needs the feature here to know the register; the functions that this is inlined into have it.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn flip(mut a: __m256i, top_bits: &TopBits) -> __m256i {
    // SAFETY: AVX2, as the caller promises; there are top bits for the widest vector.
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
