//! 256-bit vectors without dot-product instructions: Intel since Haswell, AMD since Zen.

mod binary;
mod depthwise;
mod flip;
mod four_bits;
mod i16_pairs;
mod lookup;
mod loops;
mod pair_safe;
pub(crate) mod row_sums;
pub(crate) mod simd;

use crate::binary::BitKernel;
use crate::depthwise::DepthwiseKernel;
use crate::entry::{Entry, cpu_features};
use crate::peak::sequence;
use crate::vector_ops::vector_ops;

pub(crate) use crate::backend::x86::Avx2;
pub(crate) use flip::flip as flip_rows;
pub(crate) use lookup::LOOKUP;

/// The depthwise kernels, for this backend and those that add other instructions to AVX2.
pub(crate) static DEPTHWISE: &[&DepthwiseKernel] = &[&depthwise::PAIRS, &ops::DEPTHWISE];

/// The kernels for bits.
pub(crate) static BITS: &[&BitKernel] = &[&binary::KERNEL];

/// The backend's entry in the registry.
pub(crate) const ENTRY: Entry = Entry {
    name: "avx2",
    purpose: "x86-64 since about 2013",
    features: cpu_features!("avx2", "fma"),
    gemm: &[four_bits::VARIANT, pair_safe::VARIANT, i16_pairs::VARIANT],
    depthwise: DEPTHWISE,
    bits: BITS,
    ops: &ops::VECTOR_OPS,
    peak: &[
        sequence!(
            ["vpmaddwd", "vpaddd"],
            256,
            16,
            "vpmaddwd ymm12, ymm14, ymm15",
            "vpaddd ymm\\acc, ymm\\acc, ymm12"
        ),
        sequence!(
            ["vpmaddubsw", "vpmaddwd", "vpaddd"],
            256,
            32,
            "vpmaddubsw ymm12, ymm14, ymm15",
            "vpmaddwd ymm13, ymm12, ymm15",
            "vpaddd ymm\\acc, ymm\\acc, ymm13"
        ),
    ],
};

vector_ops!(Avx2, 2, [1 2 3 4 5 6], [LOOKUP], #[target_feature(enable = "avx2,fma")]);
