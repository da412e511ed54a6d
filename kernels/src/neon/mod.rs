//! Plain NEON: what every 64-bit Arm CPU has. The vector token and the loads are shared by the other Arm backends.

mod depthwise;
mod gemm;
mod load;
mod lookup;
mod simd;

use crate::backend::{Entry, detect_features};
use crate::depthwise::DepthwiseKernel;
use crate::vector_ops::vector_ops;

pub(crate) use load::load_first;
pub(crate) use ops::VECTOR_OPS;
pub(crate) use simd::Neon;

/// The registry's line.
pub(crate) static ENTRY: Entry = Entry {
    name: "neon",
    features: &["neon"],
    detect: || detect_features!("neon"),
    gemm: gemm::TABLE,
    depthwise: &DEPTHWISE,
    ops: &ops::VECTOR_OPS,
};

/// The depthwise kernels without dot products, for the other Arm backends, too.
pub(crate) static DEPTHWISE: [&DepthwiseKernel; 2] = [&depthwise::KERNEL, &ops::DEPTHWISE];

vector_ops!(Neon, 4, [lookup::LOOKUP], #[target_feature(enable = "neon")]);
