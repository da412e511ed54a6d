//! Which tile computes which part of the output.

use super::{GemmTable, PANEL, PackedPanels, TileRows};
use crate::Backend;

/// Bytes of packed weights that a block of columns may take: they are read again for every tile of rows, and stay in
/// the second-level cache meanwhile.
const BLOCK_BYTES: usize = 256 * 1024;

/// Bytes of activations that a strip of tiles may take: they are read again for every panel, and stay in the first-level
/// cache meanwhile, as do the panels that the strip is multiplied with.
const STRIP_BYTES: usize = 8 * 1024;

/// The most tiles in a strip: what a tile costs beside its loop is spread over them.
const MAX_STRIP: usize = 16;

/// The choice of tile and blocking for a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// Rows of a full tile.
    pub tile_rows: usize,
    /// Panels (of [`PANEL`](super::PANEL) columns) of a full tile.
    pub tile_panels: usize,
    /// Tiles that lie one below the other and are multiplied with a tile's panels in one go.
    pub strip: usize,
    /// Panels that one pass over the rows multiplies with.
    pub block_panels: usize,
}

/// The tiling with which a backend multiplies `rows` rows with these weights; `None` if it does not read them.
#[must_use]
pub fn tiling(backend: Backend, rows: usize, panels: &PackedPanels) -> Option<Tiling> {
    let gemm = panels.table(backend)?;
    Some(choose(gemm, rows, panels.panels(), panels.panel_bytes()))
}

/// What the inner loop of a backend's tiles takes for one group of depths, in eighths of a cycle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TileCost {
    /// The arithmetic of one row by one panel.
    pub(crate) dot: usize,
    /// Loading the activations of a row.
    pub(crate) row: usize,
    /// Loading the weights of a panel.
    pub(crate) panel: usize,
}

impl TileCost {
    /// One dot product or one load in a cycle.
    pub(crate) const EVEN: TileCost = TileCost { dot: 8, row: 8, panel: 8 };
}

/// What a tile takes beside its loop, in cycles: the call, pointers, initial accumulators, the start of the epilogue. Taken
/// from the length of that code; only its order of magnitude matters, and only where the depth is small.
const TILE_OVERHEAD: usize = 24;

/// The tiling of `rows × panels`, where a panel takes `panel_bytes`.
///
/// A tile of `r` rows by `p` panels needs, for every group of depths, `r·p` dot products and the loads of `r` rows and `p`
/// panels. A core does both at once, so a group costs the greater of the two, and an eighth of the loads because they compete
/// with those that fill the cache. The tile with the least cost over the whole output is taken, partial tiles counted as
/// they will be computed.
pub(super) fn choose(gemm: &'static GemmTable, rows: usize, panels: usize, panel_bytes: usize) -> Tiling {
    let tiles = gemm.tiles;
    let (rows, panels) = (rows.max(1), panels.max(1));
    let groups = panel_bytes / (PANEL * gemm.layout.group);
    let mut best = (u128::MAX, &tiles[0]);
    for tile in tiles {
        let rest = match rows % tile.rows {
            0 => 0,
            left => cost(gemm.cost, fitting(tiles, left), panels, groups),
        };
        let total = (rows / tile.rows) as u128 * cost(gemm.cost, tile, panels, groups) + rest;
        // At equal cost the taller tile reads the weights less often.
        if total <= best.0 {
            best = (total, tile);
        }
    }
    let tile = best.1;
    let tile_panels = tile.width(panels);
    let block = (BLOCK_BYTES / panel_bytes.max(1)).clamp(1, panels);
    let block_panels = block.next_multiple_of(tile_panels).min(panels);
    let strip = longest_strip(tile, groups * gemm.layout.group).min((rows / tile.rows).max(1));
    Tiling { tile_rows: tile.rows, tile_panels, strip, block_panels }
}

/// Tiles of the longest strip of rows of so many elements.
pub(super) fn longest_strip(tile: &TileRows, depth: usize) -> usize {
    (STRIP_BYTES / (tile.rows * depth.max(1))).clamp(1, MAX_STRIP)
}

/// The lowest tile that covers `rows` rows.
pub(super) fn fitting(tiles: &'static [TileRows], rows: usize) -> &'static TileRows {
    tiles.iter().find(|tile| tile.rows >= rows).unwrap_or(&tiles[tiles.len() - 1])
}

impl TileRows {
    /// The panels of the next tile where `left` panels are left: as equal shares as can be, since a narrow tile has too few
    /// accumulators to hide the latency of a dot product.
    #[inline]
    pub(super) fn width(&self, left: usize) -> usize {
        if left <= self.max_panels() {
            return left;
        }
        left.div_ceil(left.div_ceil(self.max_panels()).max(1))
    }
}

/// 64ths of a cycle that a row of tiles over `panels` panels takes.
fn cost(cost: TileCost, tile: &TileRows, panels: usize, groups: usize) -> u128 {
    let one = |p: usize| {
        let loads = tile.rows * cost.row + p * cost.panel;
        (groups * (8 * (tile.rows * p * cost.dot).max(loads) + loads) + 64 * TILE_OVERHEAD) as u128
    };
    let width = tile.width(panels);
    // All tiles but some of the last are `width` wide: `width` for the first and one less for the others, in all `panels`.
    let count = panels.div_ceil(width);
    let narrower = (count * width - panels) as u128;
    (count as u128 - narrower) * one(width) + narrower * if narrower == 0 { 0 } else { one(width - 1) }
}
