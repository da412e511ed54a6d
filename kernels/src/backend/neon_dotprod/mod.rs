//! NEON with the dot product of Armv8.2 (`SDOT`): Cortex-A55, A75 and later, Neoverse, Apple from the A13 and M1 on.

mod depthwise;
mod gemm;

use crate::backend::neon;
use crate::entry::{Entry, cpu_features};
use crate::peak::sequence;

/// The backend's entry in the registry.
pub(crate) const ENTRY: Entry = Entry {
    name: "neon_dotprod",
    purpose: "ARM since about 2018",
    features: cpu_features!("neon", "dotprod"),
    gemm: &[gemm::VARIANT],
    depthwise: &[&depthwise::KERNEL, neon::DEPTHWISE[0], neon::DEPTHWISE[1]],
    peak: &[sequence!(
        ["sdot"],
        128,
        16,
        ".arch_extension dotprod",
        "sdot v\\acc\\().4s, v30.16b, v31.16b",
        ".arch_extension nodotprod"
    )],
    ..neon::ENTRY
};
