//! NEON with the matrix products of Armv8.6 (`SMMLA`, `USMMLA`): Cortex-A510, A710, X2 and later, Neoverse V1 and N2,
//! Apple from the A15 and M2 on.

mod gemm;

use crate::backend::neon_dotprod;
use crate::entry::{Entry, cpu_features};
use crate::peak::sequence;

/// The backend's entry in the registry.
pub(crate) const ENTRY: Entry = Entry {
    name: "neon_i8mm",
    purpose: "ARM servers and phones since about 2020",
    features: cpu_features!("neon", "dotprod", "i8mm"),
    gemm: &[gemm::VARIANT],
    peak: &[
        sequence!(
            ["smmla"],
            128,
            32,
            ".arch_extension i8mm",
            "smmla v\\acc\\().4s, v30.16b, v31.16b",
            ".arch_extension noi8mm"
        ),
        sequence!(
            ["usmmla"],
            128,
            32,
            ".arch_extension i8mm",
            "usmmla v\\acc\\().4s, v30.16b, v31.16b",
            ".arch_extension noi8mm"
        ),
    ],
    ..neon_dotprod::ENTRY
};
