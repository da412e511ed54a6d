//! The backend that runs everywhere: `wide` vectors, chosen when the crate is compiled (SSE2 on x86-64, NEON on
//! aarch64, plain integers elsewhere).

mod binary;
mod gemm;
mod simd;

use crate::entry::{Entry, Features};
use crate::vector_ops::vector_ops;

pub(crate) use simd::Portable;

vector_ops!(Portable, 4, [1 2 3 4], [crate::elementwise::lookup::SCALAR]);

/// The backend's entry in the registry.
pub(crate) const ENTRY: Entry = Entry {
    name: "portable",
    purpose: "everything that Rust compiles for",
    features: Features { names: &[], detect: || true, has: |_| false },
    gemm: gemm::VARIANTS,
    depthwise: &[&ops::DEPTHWISE],
    bits: &[&binary::KERNEL],
    ops: &ops::VECTOR_OPS,
    peak: &[],
};
