//! Which tiles have run: for tests that must reach all of them.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Mutex;

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
    /// Whether all of its rows and columns were stored.
    pub whole: bool,
}

static RECORDING: AtomicBool = AtomicBool::new(false);
static SEEN: Mutex<BTreeSet<TileUse>> = Mutex::new(BTreeSet::new());

pub(super) fn record(tile: TileUse) {
    if RECORDING.load(Ordering::Relaxed) {
        SEEN.lock().expect("no test panics while it holds this").insert(tile);
    }
}

/// Runs `work` and gives the tiles that ran meanwhile, on whichever thread.
///
/// # Panics
///
/// If another thread panicked while it recorded a tile.
pub fn tiles_used_by(work: impl FnOnce()) -> Vec<TileUse> {
    SEEN.lock().expect("no test panics while it holds this").clear();
    RECORDING.store(true, Ordering::Relaxed);
    work();
    RECORDING.store(false, Ordering::Relaxed);
    SEEN.lock().expect("no test panics while it holds this").iter().copied().collect()
}

/// Every tile of a backend, whole and partial.
#[must_use]
pub fn all_tiles(backend: Backend) -> Vec<TileUse> {
    let gemm = &backend.entry().gemm;
    let mut all = Vec::new();
    for table in [Some(gemm), gemm.narrow].into_iter().flatten() {
        for tile in table.tiles {
            for panels in 1..=tile.max_panels() {
                for (signed, whole) in [(false, false), (false, true), (true, false), (true, true)] {
                    all.push(TileUse { layout: table.layout.name, rows: tile.rows, panels, signed, whole });
                }
            }
        }
    }
    all
}
