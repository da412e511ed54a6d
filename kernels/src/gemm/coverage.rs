//! Which tiles have run: for tests that must reach all of them.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::cell::RefCell;

use super::MatrixUnit;
use super::matrix_unit::{ProductSize, TILE};
use super::weights::Width;
use crate::Backend;

/// What computes a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// A kernel of vectors.
    Vectors,
    /// A matrix unit, from rows that it reads in place or from copies.
    Matrix {
        /// Whether it reads rows in place.
        in_place: bool,
    },
}

/// A tile, and how much of it was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TileUse {
    /// What computed it.
    pub unit: Unit,
    /// The name of the layout that it reads.
    pub layout: &'static str,
    /// Its rows.
    pub rows: usize,
    /// Its panels.
    pub panels: usize,
    /// Whether activations are `i8`.
    pub signed: bool,
    /// Whether it was a half-width tile, for which some kernels have code of their own.
    pub half_width: bool,
    /// Whether all of its rows and columns were stored.
    pub whole: bool,
}

std::thread_local! {
    /// The tiles that ran on this thread, while they are recorded.
    static SEEN: RefCell<Option<BTreeSet<TileUse>>> = const { RefCell::new(None) };
}

pub(crate) fn record(tile: TileUse) {
    SEEN.with_borrow_mut(|seen| {
        if let Some(seen) = seen {
            seen.insert(tile);
        }
    });
}

/// Runs `work` and returns the tiles that ran on this thread during it.
pub fn tiles_used_by(work: impl FnOnce()) -> Vec<TileUse> {
    SEEN.set(Some(BTreeSet::new()));
    work();
    SEEN.take().into_iter().flatten().collect()
}

/// Whether products of the backend run on a matrix unit if they are large enough: it has one, and the operating system permitted it when a
/// plan asked.
#[must_use]
pub fn has_permitted_unit(backend: Backend) -> bool {
    backend.entry().gemm.iter().any(|variant| variant.unit.is_some_and(|unit| (unit.is_permitted)()))
}

/// Every tile of a backend, whole and partial; of a matrix unit those of copied rows.
#[must_use]
pub fn all_tiles(backend: Backend) -> Vec<TileUse> {
    let mut all = Vec::new();
    for variant in backend.entry().gemm {
        if let Some(unit) = variant.unit {
            // Where the unit takes every product, its tiles alone run; else the choice is by size, and both are another test's.
            if (unit.pays)(ProductSize { rows: 1, segments: 1, segment_len: 1, columns: 1 }) {
                all.extend(blocks_of(unit, variant.layout.name));
            }
            continue;
        }
        let folded = variant.folded.map(|of| [(&of.four, Width::Four), (&of.two, Width::Two)]);
        let kernels = core::iter::once((variant, Width::Eight)).chain(folded.into_iter().flatten());
        let tiles = kernels.flat_map(|(variant, width)| variant.tiles.iter().map(move |tile| (tile, width)));
        for (tile, width) in tiles {
            for panels in 1..=tile.max_panels() {
                for (signed, whole) in [(false, false), (false, true), (true, false), (true, true)] {
                    let of = TileUse {
                        unit: Unit::Vectors,
                        layout: variant.layout.folded_name(width),
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

/// Every block of a matrix unit, whole and partial, of copied rows.
fn blocks_of(unit: &MatrixUnit, layout: &'static str) -> impl Iterator<Item = TileUse> {
    let kinds = [(false, false), (false, true), (true, false), (true, true)];
    unit.blocks.iter().flat_map(move |&[tiles, panels]| {
        kinds.map(|(signed, whole)| TileUse {
            unit: Unit::Matrix { in_place: false },
            layout,
            rows: tiles * TILE,
            panels,
            signed,
            half_width: false,
            whole,
        })
    })
}
