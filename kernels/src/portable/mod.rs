//! The backend that runs everywhere: `wide` vectors, chosen when the crate is compiled (SSE2 on x86-64, NEON on
//! aarch64, plain integers elsewhere).

mod gemm;
mod simd;

use crate::backend::Entry;
use crate::vector_ops::vector_ops;

pub(crate) use simd::Portable;

vector_ops!(Portable, 4, [crate::elementwise::lookup::SCALAR]);

/// The registry's line.
pub(crate) static ENTRY: Entry = Entry {
    name: "portable",
    features: &[],
    detect: || true,
    gemm: gemm::TABLE,
    depthwise: &[&ops::DEPTHWISE],
    ops: &ops::VECTOR_OPS,
};
