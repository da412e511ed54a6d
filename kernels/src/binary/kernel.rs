//! What a backend gives: the order of packed bits, and tiles.

use super::BitTile;

/// The order of packed bits, `[panel][step][column][byte]`: of each column of a panel some bytes, then the next ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BitLayout {
    /// Its name.
    pub name: &'static str,
    /// Columns of a panel: 32 or 64.
    pub columns: usize,
    /// Bytes of a column in a step: 1, 2, 4 or 8.
    pub step: usize,
}

impl BitLayout {
    /// A vector of 32-bit lanes has a column in each.
    pub(crate) const WORDS: BitLayout = BitLayout { name: "words-of-32x32", columns: 32, step: 4 };
    /// A vector of bytes has a column in each.
    #[cfg(target_arch = "x86_64")]
    pub(crate) const BYTES: BitLayout = BitLayout { name: "bytes-x64", columns: 64, step: 1 };
}

/// The most rows of a tile.
pub(crate) const MAX_ROWS: usize = 8;

/// A way to multiply bits. A backend has a list of them, best first, of which the last needs no more than the backend's features.
#[derive(Debug)]
pub(crate) struct BitKernel {
    /// Its name: that of its instructions.
    pub(crate) name: &'static str,
    pub(crate) layout: BitLayout,
    /// Whether the CPU has the features that this way needs beyond the backend's features.
    pub(crate) detect: fn() -> bool,
    /// Tiles of one panel, by their rows: of one row first.
    pub(crate) tiles: &'static [BitTileRows],
}

/// The tile of a number of rows.
#[derive(Debug)]
pub(crate) struct BitTileRows {
    pub(crate) rows: usize,
    pub(crate) code: BitTileFn,
}

/// Computes a [`BitTile`].
///
/// # Safety
///
/// The CPU has the kernel's features, and every pointer of the tile is valid as its description says.
pub(crate) type BitTileFn = unsafe fn(&BitTile);

impl BitKernel {
    /// The lowest tile that has `rows` rows, or else the highest one.
    #[inline]
    pub(crate) fn tile(&self, rows: usize) -> &BitTileRows {
        let (last, others) = self.tiles.split_last().expect("a kernel has tiles");
        others.iter().find(|tile| tile.rows >= rows).unwrap_or(last)
    }
}

/// The tiles of a function that takes the number of rows as a constant.
macro_rules! bit_tiles {
    ($tile:ident; $($rows:literal)+) => {
        &[$($crate::binary::kernel::BitTileRows { rows: $rows, code: $tile::<$rows> }),+]
    };
}
pub(crate) use bit_tiles;
