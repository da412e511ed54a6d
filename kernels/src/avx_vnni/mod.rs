//! 256-bit vectors with `vpdpbusd` in its VEX form: client CPUs without AVX-512 (Intel since Alder Lake, AMD since
//! Zen 5).

mod depthwise;
mod gemm;

use crate::avx2;
use crate::backend::{Entry, detect_features};

/// The registry's line.
pub(crate) static ENTRY: Entry = Entry {
    name: "avx_vnni",
    features: &["avx2", "fma", "avxvnni"],
    detect: || detect_features!("avx2", "fma", "avxvnni"),
    gemm: gemm::TABLE,
    depthwise: &[&depthwise::QUADS, avx2::DEPTHWISE[0], avx2::DEPTHWISE[1]],
    ops: &avx2::VECTOR_OPS,
};
