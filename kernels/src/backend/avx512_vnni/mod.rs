//! 512-bit vectors with `vpdpbusd`: Intel servers since Cascade Lake, AMD since Zen 4.

mod binary;
mod depthwise;
mod flip;
mod gemm;
mod lookup;
mod row_sums;
mod simd;

pub(crate) use gemm::VARIANT;

use crate::backend::avx2;
use crate::entry::{Entry, cpu_features};
use crate::peak::sequence;
use crate::vector_ops::vector_ops;

use crate::backend::x86::Avx512;

/// The backend's entry in the registry.
pub(crate) const ENTRY: Entry = Entry {
    name: "avx512_vnni",
    purpose: "servers and newer desktops",
    features: cpu_features!("avx2", "fma", "avx512f", "avx512bw", "avx512vl", "avx512vnni"),
    gemm: &[gemm::VARIANT],
    depthwise: &[&depthwise::QUADS, &depthwise::NINE_BITS, avx2::DEPTHWISE[0], &ops::DEPTHWISE],
    bits: &[&binary::KERNEL, avx2::BITS[0]],
    ops: &ops::VECTOR_OPS,
    peak: &[sequence!(["vpdpbusd"], 512, 64, "vpdpbusd zmm\\acc, zmm14, zmm15")],
};

vector_ops!(
    Avx512,
    1,
    [1 2 3 4 5 6 7 8 9 10 11 12 13 14],
    [lookup::LOOKUP, avx2::LOOKUP],
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
);
