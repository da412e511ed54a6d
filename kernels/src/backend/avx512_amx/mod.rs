//! AVX-512 VNNI, and `tdpbusd` and `tdpbssd` on tiles (AMX-INT8) for products of some size: Intel servers since Sapphire Rapids.
//!
//! Tiles of activations are up to sixteen rows by sixteen groups of four depths; a step of a panel is the other tile as it lies. Their
//! product adds 16,384 products of bytes to sixteen by sixteen accumulators in sixteen cycles: vectors take eight times as long.

mod cpu;
mod epilogue;
mod m_block;
mod peak;
mod permission;
mod strips;
mod tiles;

use crate::backend::avx512_vnni;
use crate::entry::{Entry, Features};
use crate::gemm::{MatrixUnit, Variant};

#[cfg(all(feature = "testing", target_os = "linux"))]
pub(crate) use permission::refuse;

/// The backend's entry in the registry.
pub(crate) const ENTRY: Entry = Entry {
    name: "avx512_amx",
    purpose: "Intel servers since 2023, on Linux",
    features: Features {
        names: &["avx2", "fma", "avx512f", "avx512bw", "avx512vl", "avx512vnni", "amx-tile", "amx-int8"],
        detect: || (avx512_vnni::ENTRY.features.detect)() && cpu::has_int8_tiles(),
        has: |name| match name {
            "amx-tile" | "amx-int8" => cpu::has_int8_tiles(),
            _ => (avx512_vnni::ENTRY.features.has)(name),
        },
    },
    gemm: &[Variant { unit: Some(&UNIT), ..avx512_vnni::VARIANT }],
    peak: &[peak::SEQUENCE, avx512_vnni::ENTRY.peak[0]],
    ..avx512_vnni::ENTRY
};

static UNIT: MatrixUnit = MatrixUnit {
    name: "tdpbusd, tdpbssd",
    request: permission::request,
    is_permitted: permission::is_granted,
    pays,
    with_tiles: tiles::with_tiles,
    m_block: m_block::m_block,
    #[cfg(feature = "testing")]
    blocks: m_block::BLOCKS,
};

/// Of the prototype that was measured on Sapphire Rapids: below, loading tiles and storing sums takes longer than the products save.
fn pays([rows, depth, columns]: [usize; 3]) -> bool {
    let products = || rows.saturating_mul(depth).saturating_mul(columns);
    (rows >= 3 && depth >= 64 && products() >= 50_000) || cpu::is_assumed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_products_stay_on_vectors() {
        if cpu::is_assumed() {
            return;
        }
        for (size, expected) in [
            ([64, 64, 64], true),
            ([3, 4096, 4096], true),
            ([2, 4096, 4096], false),
            ([4096, 63, 4096], false),
            ([12, 64, 64], false),
            ([usize::MAX, usize::MAX, usize::MAX], true),
        ] {
            assert_eq!(pays(size), expected, "{size:?}");
        }
    }
}
