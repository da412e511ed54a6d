//! NEON with the dot product of Armv8.2 (`SDOT`): Cortex-A55, A75 and later, Neoverse, Apple from the A13 and M1 on.

mod depthwise;
mod gemm;

use crate::backend::{Entry, detect_features};
use crate::depthwise::DepthwiseKernel;
use crate::neon;

/// The registry's line.
pub(crate) static ENTRY: Entry = Entry {
    name: "neon_dotprod",
    features: &["neon", "dotprod"],
    detect: || detect_features!("neon", "dotprod"),
    gemm: gemm::TABLE,
    depthwise: &DEPTHWISE,
    ops: &neon::VECTOR_OPS,
};

/// The depthwise kernels, for the backend with matrix products, too.
pub(crate) static DEPTHWISE: [&DepthwiseKernel; 3] =
    [&depthwise::KERNEL, neon::DEPTHWISE[0], neon::DEPTHWISE[1]];
