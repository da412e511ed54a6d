//! Tiles on `vpdpbusd zmm`: one vector is one group of a panel.

use core::arch::x86_64::*;

use super::{Avx512, flip, row_sums};
use crate::gemm::{Folded, Layout, TileCost, Variant, groupwise_tiles};
use crate::gemm::{dot4, folded};

/// A tile needs `rows · panels` accumulators, `panels` weights and a broadcast of the 32 registers, and about ten
/// accumulators in flight to cover the latency of two `vpdpbusd` a cycle. Wide and low tiles need the fewest loads per
/// product; the high ones are for outputs of one or two panels.
pub(crate) const VARIANT: Variant = Variant { folded: Some(&FOLDED), ..BYTES };

const BYTES: Variant = Variant {
    name: "vpdpbusd",
    layout: Layout::GROUPS_OF_4,
    lhs: dot4::lhs::<DotZmm>(flip::flip),
    row_sums: &row_sums::BYTES,
    proves: None,
    tiles: dot4::tiles!(tile; 1: 1 2 3 4; 2: 1 2 3 4; 3: 1 2 3 4; 4: 1 2 3 4; 5: 1 2 3 4; 6: 1 2 3 4; 8: 1 2 3; 12: 1 2),
    // Two accumulators for each output.
    groupwise: groupwise_tiles!(groupwise; 1: 1 2 3 4; 2: 1 2 3 4; 3: 1 2 3 4; 4: 1 2; 6: 1 2),
    // Zen 4: one 512-bit `vpdpbusd` or load in a cycle, two broadcasts. Intel servers do two of each: the same ratio.
    cost: TileCost { dot: 8, row: 4, panel: 8 },
    folded: None,
    unit: None,
};

/// As many rows by one panel less, where a field of each panel's line and a mask would leave no register.
static FOLDED: Folded = Folded {
    four: Variant {
        tiles: dot4::tiles!(folded4; 1: 1 2 3 4; 2: 1 2 3 4; 4: 1 2 3 4; 6: 1 2 3; 8: 1 2 3),
        groupwise: groupwise_tiles!(groupwise4; 1: 1 2 3 4; 2: 1 2 3 4; 4: 1 2; 6: 1 2),
        ..BYTES
    },
    two: Variant {
        tiles: dot4::tiles!(folded2; 1: 1 2 3 4; 2: 1 2 3 4; 4: 1 2 3 4; 6: 1 2 3; 8: 1 2 3),
        groupwise: groupwise_tiles!(groupwise2; 1: 1 2 3 4; 2: 1 2 3 4; 4: 1 2; 6: 1 2),
        ..BYTES
    },
    // With more, to unfold weights once takes less than a tenth of the time.
    most_rows: 128,
    most_groupwise_rows: 32,
};

folded::folded!(DotZmm, "avx512f,avx512bw,avx512vl,avx512vnni");

dot4::instruction! {
    /// `vpdpbusd zmm`.
    pub(super) DotZmm(Avx512): "AVX-512 F, BW, VL and VNNI", "avx512f,avx512bw,avx512vl,avx512vnni";
    dot<SIGNED>(acc, activations, weights) = _mm512_dpbusd_epi32(acc, activations, weights);
}
