//! AVX-512 VNNI, and `tdpbusd` and `tdpbssd` on tiles (AMX-INT8) for products of some size: Intel servers since Sapphire Rapids.
//!
//! Tiles of activations are up to sixteen rows by sixteen groups of four depths; a step of a panel is the other tile as it lies. Their
//! product adds 16,384 products of bytes to sixteen by sixteen accumulators in sixteen cycles: vectors take eight times as long.

mod activations;
mod cpu;
mod epilogue;
mod m_block;
mod peak;
mod permission;
mod strips;
mod tiles;

use crate::backend::avx512_vnni;
use crate::entry::{Entry, Features};
use crate::gemm::{MatrixUnit, ProductSize, Variant};

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

/// As measured on Emerald Rapids, where products above these sizes were never slower than vectors by more than a tenth, and most below were
/// slower, the cube of 80 by a quarter. Below, loading tiles and storing sums takes longer than the products save. Short segments, such as
/// the rows of a stem's kernel, are copied piece by piece, which takes longer than their products.
fn pays(size: ProductSize) -> bool {
    (size.rows >= 4 && size.segment_len >= 64 && size.products() >= 1_000_000) || cpu::is_assumed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_products_stay_on_vectors() {
        if cpu::is_assumed() {
            return;
        }
        for (rows, segments, segment_len, columns, expected) in [
            (112, 1, 112, 112, true),
            (4, 1, 4096, 4096, true),
            (3, 1, 4096, 4096, false),
            (4096, 1, 63, 4096, false),
            (80, 1, 80, 80, false),
            (12544, 7, 21, 64, false),
            (3136, 3, 192, 64, true),
            (usize::MAX, usize::MAX, usize::MAX, usize::MAX, true),
        ] {
            let size = ProductSize { rows, segments, segment_len, columns };
            assert_eq!(pays(size), expected, "{size:?}");
        }
    }
}
