//! 256-bit vectors without dot-product instructions: Intel since Haswell, AMD since Zen.

mod depthwise;
mod lookup;
mod loops;
mod narrow;
pub(crate) mod simd;
mod words;

use crate::backend::{Entry, detect_features};
use crate::depthwise::DepthwiseKernel;
use crate::vector_ops::vector_ops;

pub(crate) use lookup::LOOKUP;
pub(crate) use ops::VECTOR_OPS;
pub(crate) use simd::Avx2;

/// The depthwise kernels, for this backend and those that add other instructions to AVX2.
pub(crate) static DEPTHWISE: &[&DepthwiseKernel] = &[&depthwise::PAIRS, &ops::DEPTHWISE];

/// The registry's line.
pub(crate) static ENTRY: Entry = Entry {
    name: "avx2",
    features: &["avx2", "fma"],
    detect: || detect_features!("avx2", "fma"),
    gemm: words::TABLE,
    depthwise: DEPTHWISE,
    ops: &VECTOR_OPS,
};

vector_ops!(Avx2, 2, [LOOKUP], #[target_feature(enable = "avx2,fma")]);
