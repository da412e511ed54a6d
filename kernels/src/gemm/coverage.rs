//! Which tiles have run: for tests that must reach all of them.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::cell::RefCell;

use crate::Backend;

/// A tile, and how much of it was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TileUse {
    /// The name of the layout that it reads.
    pub layout: &'static str,
    /// Its rows.
    pub rows: usize,
    /// Its panels.
    pub panels: usize,
    /// Whether activations are `i8`.
    pub signed: bool,
    /// Whether it was half a panel, which some kernels compute alone.
    pub half_width: bool,
    /// Whether all of its rows and columns were stored.
    pub whole: bool,
}

std::thread_local! {
    /// The tiles that ran on this thread, while they are asked for.
    static SEEN: RefCell<Option<BTreeSet<TileUse>>> = const { RefCell::new(None) };
}

pub(super) fn record(tile: TileUse) {
    SEEN.with_borrow_mut(|seen| {
        if let Some(seen) = seen {
            seen.insert(tile);
        }
    });
}

/// Runs `work` and gives the tiles that ran meanwhile on this thread.
pub fn tiles_used_by(work: impl FnOnce()) -> Vec<TileUse> {
    SEEN.set(Some(BTreeSet::new()));
    work();
    SEEN.take().into_iter().flatten().collect()
}

/// Every tile of a backend, whole and partial.
#[must_use]
pub fn all_tiles(backend: Backend) -> Vec<TileUse> {
    let mut all = Vec::new();
    for variant in backend.entry().gemm {
        for tile in variant.tiles {
            for panels in 1..=tile.max_panels() {
                for (signed, whole) in [(false, false), (false, true), (true, false), (true, true)] {
                    let of = TileUse {
                        layout: variant.layout.name,
                        rows: tile.rows,
                        panels,
                        signed,
                        half_width: false,
                        whole,
                    };
                    all.push(of);
                    if panels == 1 {
                        all.push(TileUse { half_width: true, ..of });
                    }
                }
            }
        }
    }
    all
}
