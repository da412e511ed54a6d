//! 256-bit vectors with `vpdpbusd` in its VEX form: client CPUs without AVX-512 (Intel since Alder Lake, AMD since
//! Zen 5).

mod depthwise;
mod gemm;

pub(crate) use gemm::{
    MOST_FOLDED_ROWS, VARIANT, folded_groupwise_tiles, folded_tiles, groupwise_tiles, tiles,
};

use crate::backend::avx2;
use crate::entry::{Entry, cpu_features};
use crate::peak::sequence;

/// The backend's entry in the registry.
pub(crate) const ENTRY: Entry = Entry {
    name: "avx_vnni",
    purpose: "client CPUs without AVX-512",
    features: cpu_features!("avx2", "fma", "avxvnni"),
    gemm: &[VARIANT],
    depthwise: &[&depthwise::QUADS, &depthwise::NINE_BITS, avx2::DEPTHWISE[0], avx2::DEPTHWISE[1]],
    peak: &[sequence!(["vpdpbusd"], 256, 32, "{{vex}} vpdpbusd ymm\\acc, ymm14, ymm15")],
    ..avx2::ENTRY
};
