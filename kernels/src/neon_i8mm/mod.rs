//! NEON with the matrix products of Armv8.6 (`SMMLA`, `USMMLA`): Cortex-A510, A710, X2 and later, Neoverse V1 and N2,
//! Apple from the A15 and M2 on.

mod gemm;

use crate::backend::{Entry, detect_features};
use crate::{neon, neon_dotprod};

/// The registry's line.
pub(crate) static ENTRY: Entry = Entry {
    name: "neon_i8mm",
    features: &["neon", "dotprod", "i8mm"],
    detect: || detect_features!("neon", "dotprod", "i8mm"),
    gemm: gemm::TABLE,
    depthwise: &neon_dotprod::DEPTHWISE,
    ops: &neon::VECTOR_OPS,
};
