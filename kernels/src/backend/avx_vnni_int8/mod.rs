//! 256-bit vectors with dot products of signed bytes by signed bytes: Intel's client CPUs since Lunar Lake and Arrow Lake.

use core::arch::x86_64::*;

use crate::backend::avx_vnni;
use crate::backend::avx2::Avx2;
use crate::entry::{Entry, cpu_features};
use crate::gemm::dot4::{self, Dot4};
use crate::gemm::{Tile, Variant};
use crate::peak::sequence;

/// The backend's entry in the registry. Depthwise kernels are those of AVX-VNNI: they flip a vector of activations once
/// for many products, so that native signs would save next to nothing.
pub(crate) const ENTRY: Entry = Entry {
    name: "avx_vnni_int8",
    purpose: "client CPUs since Lunar Lake and Arrow Lake",
    features: cpu_features!("avx2", "fma", "avxvnni", "avxvnniint8"),
    gemm: &[VARIANT],
    peak: &[
        sequence!(["vpdpbusd"], 256, 32, "{{vex}} vpdpbusd ymm\\acc, ymm14, ymm15"),
        sequence!(["vpdpbssd"], 256, 32, "vpdpbssd ymm\\acc, ymm14, ymm15"),
    ],
    ..avx_vnni::ENTRY
};

/// The tiles of AVX-VNNI, but signed activations are not flipped. Weights are signed in every pack, so `vpdpbuud` is not
/// needed.
const VARIANT: Variant = Variant {
    name: "vpdpbusd, vpdpbssd",
    lhs: dot4::lhs::<DotInt8>(),
    tiles: avx_vnni::tiles!(tile),
    ..avx_vnni::VARIANT
};

struct DotInt8;

// SAFETY: `vpdpbusd` and `vpdpbssd` are the wrapping sums of the four products and the accumulator; AVX2, AVX-VNNI and
// AVX-VNNI-INT8 as enabled below.
unsafe impl Dot4 for DotInt8 {
    type S = Avx2;
    const FLIPS: bool = false;

    #[inline(always)]
    unsafe fn dot<const SIGNED: bool>(acc: __m256i, activations: __m256i, weights: __m256i) -> __m256i {
        // SAFETY: the caller promises the features.
        unsafe {
            if SIGNED {
                _mm256_dpbssd_epi32(acc, activations, weights)
            } else {
                _mm256_dpbusd_avx_epi32(acc, activations, weights)
            }
        }
    }
}

/// `R` rows by `V / 2` panels, or half-width.
///
/// # Safety
///
/// As [`TileFn`](crate::gemm::variant::TileFn).
#[target_feature(enable = "avx2,avxvnni,avxvnniint8")]
unsafe fn tile<const R: usize, const V: usize, const SIGNED: bool>(tile: &mut Tile) {
    // SAFETY: the features are enabled here; the layout is of groups of four.
    unsafe { dot4::m_block::<DotInt8, R, V, SIGNED>(tile) }
}
