//! 256-bit vectors with dot products of signed bytes by signed bytes: Intel's client CPUs since Lunar Lake and Arrow Lake.

use core::arch::x86_64::*;

use crate::backend::avx_vnni;
use crate::backend::avx2::{self, Avx2};
use crate::entry::{Entry, cpu_features};
use crate::gemm::{Folded, Variant, dot4, folded};
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
const VARIANT: Variant = Variant { folded: Some(&FOLDED), ..BYTES };

const BYTES: Variant = Variant {
    name: "vpdpbusd, vpdpbssd",
    lhs: dot4::lhs::<DotInt8>(avx2::flip_rows),
    tiles: avx_vnni::tiles!(tile),
    groupwise: avx_vnni::groupwise_tiles!(groupwise),
    folded: None,
    ..avx_vnni::VARIANT
};

static FOLDED: Folded = Folded {
    four: Variant {
        tiles: avx_vnni::folded_tiles!(folded4),
        groupwise: avx_vnni::folded_groupwise_tiles!(groupwise4),
        ..BYTES
    },
    two: Variant {
        tiles: avx_vnni::folded_tiles!(folded2),
        groupwise: avx_vnni::folded_groupwise_tiles!(groupwise2),
        ..BYTES
    },
    most_rows: avx_vnni::MOST_FOLDED_ROWS,
    most_groupwise_rows: avx_vnni::MOST_FOLDED_ROWS,
};

dot4::instruction! {
    /// `vpdpbusd` and `vpdpbssd`.
    DotInt8(Avx2): "AVX2, FMA, AVX-VNNI and AVX-VNNI-INT8", "avx2,fma,avxvnni,avxvnniint8";
    dot<SIGNED>(acc, activations, weights) = if SIGNED {
        _mm256_dpbssd_epi32(acc, activations, weights)
    } else {
        _mm256_dpbusd_avx_epi32(acc, activations, weights)
    };
    const FLIPS: bool = false;
}

folded::folded!(DotInt8, "avx2,fma,avxvnni,avxvnniint8");
