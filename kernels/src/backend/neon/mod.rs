//! Plain NEON: what every 64-bit Arm CPU has. The vector token and the loads are shared by the other Arm backends.

mod binary;
mod depths;
mod depthwise;
mod gemm;
mod load;
mod lookup;
mod simd;

use crate::depthwise::DepthwiseKernel;
use crate::entry::{Entry, cpu_features};
use crate::peak::sequence;
use crate::vector_ops::vector_ops;

pub(crate) use depths::{FourDepths, Grouped, all_depths};
pub(crate) use load::load_first;
pub(crate) use simd::Neon;

/// The backend's entry in the registry.
pub(crate) const ENTRY: Entry = Entry {
    name: "neon",
    purpose: "every aarch64",
    features: cpu_features!("neon"),
    gemm: &[gemm::VARIANT],
    depthwise: &DEPTHWISE,
    bits: &[&binary::KERNEL],
    ops: &ops::VECTOR_OPS,
    peak: &[sequence!(
        ["smull", "sadalp"],
        128,
        8,
        "smull v12.8h, v30.8b, v31.8b",
        "sadalp v\\acc\\().4s, v12.8h"
    )],
};

/// The depthwise kernels without dot products, for the other Arm backends, too.
pub(crate) static DEPTHWISE: [&DepthwiseKernel; 2] = [&depthwise::KERNEL, &ops::DEPTHWISE];

vector_ops!(Neon, 4, [1 2 3 4 5 6 7 8 9 10 11 12], [lookup::LOOKUP], #[target_feature(enable = "neon")]);
