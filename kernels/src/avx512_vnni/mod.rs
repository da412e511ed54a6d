//! 512-bit vectors with `vpdpbusd`: Intel servers since Cascade Lake, AMD since Zen 4.

mod depthwise;
mod gemm;
mod lookup;
mod simd;

use crate::avx2;
use crate::backend::{Entry, detect_features};
use crate::vector_ops::vector_ops;

use simd::Avx512;

/// The registry's line.
pub(crate) static ENTRY: Entry = Entry {
    name: "avx512_vnni",
    features: &["avx2", "avx512f", "avx512bw", "avx512vl", "avx512vnni"],
    detect: || detect_features!("avx2", "avx512f", "avx512bw", "avx512vl", "avx512vnni"),
    gemm: gemm::TABLE,
    depthwise: &[&depthwise::QUADS, avx2::DEPTHWISE[0], &ops::DEPTHWISE],
    ops: &ops::VECTOR_OPS,
};

vector_ops!(
    Avx512,
    1,
    [lookup::LOOKUP, avx2::LOOKUP],
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
);
