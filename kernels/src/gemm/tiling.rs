//! Which tile computes which part of the output.

#[cfg(target_has_atomic = "64")]
use core::sync::atomic::{AtomicU64, Ordering};

use super::driver::patch_addressing;
use super::regions::Skip;
use super::rows::Addressing;
use super::scratch::depth_of;
use super::small;
use super::{GemmTable, PANEL, PackedPanels, Patches, TileRows};
use crate::Backend;

/// Bytes of packed weights that a block of columns may take: they are read again for every tile of rows, and stay in
/// the second-level cache meanwhile.
const BLOCK_BYTES: usize = 256 * 1024;

/// Bytes of activations that a strip of tiles may take: they are read again for every panel, and stay in the first-level
/// cache meanwhile, as do the panels that the strip is multiplied with.
pub(super) const STRIP_BYTES: usize = 8 * 1024;

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

/// The tiling with which a backend multiplies `rows` rows, of a matrix without gaps between columns or of patches, with
/// these weights; `None` if it does not read them.
#[must_use]
pub fn tiling(backend: Backend, rows: usize, matrix: bool, panels: &PackedPanels) -> Option<Tiling> {
    let gemm = panels.table(backend)?;
    let (rows, panel_count) = (rows.max(1), panels.panels().max(1));
    if matrix && let Some(tile) = small::tile(gemm, rows, panel_count, panels) {
        return Some(blocking(tile, rows, panel_count, panels));
    }
    let groups = panels.panel_bytes() / (PANEL * gemm.layout.group);
    Some(choose(gemm, rows, panel_count, panels, groups).0)
}

/// What is best left out of the products of these patches with their padding: what costs least in all. Leaving out more makes
/// more regions, whose tiles are lower. [`Skip::Nothing`] if the patches are not as deep as the panels, or there are none.
#[must_use]
pub fn best_skip(backend: Backend, patches: &Patches, panels: &PackedPanels) -> Skip {
    let Some(gemm) = panels.table(backend) else { return Skip::Nothing };
    let window = patches.window();
    if window.rows() == 0 || patches.depth() != panels.depth() {
        return Skip::Nothing;
    }
    let addressing = patch_addressing(gemm, patches, panels);
    let most = patches.skippable(addressing, gemm.layout.group);
    let choices = [Skip::Nothing, Skip::Rows, Skip::All].into_iter().filter(|&skip| skip <= most);
    let total = |skip: Skip| {
        let copied = match addressing {
            Addressing::KernelRows { begin, end } if skip != Skip::All => {
                window.rows() - window.batch * window.output[0] * (end.max(begin) - begin)
            }
            _ => 0,
        };
        let copies = copied as f64 * 64.0 * (COPY_OVERHEAD + panels.depth() / COPY_RATE) as f64;
        window.regions(skip).fold(copies, |total, region| {
            let rows = region.pixels(window.output, 0, window.rows());
            let depth = depth_of(patches, panels, &region);
            let tiles = choose(gemm, rows, panels.panels(), panels, depth.groups(gemm.layout.group)).1;
            let left_out = panels.depth() - depth.segments * depth.len;
            let initial =
                if left_out > 0 { panels.padded_columns().saturating_mul(window.taps()) } else { 0 };
            total + tiles + (64 * (REGION_OVERHEAD + initial / INITIAL_RATE)) as f64
        })
    };
    choices.min_by(|&a, &b| total(a).total_cmp(&total(b))).unwrap_or(Skip::Nothing)
}

/// Cycles that a region takes beside its tiles: about so many, and one for so many initial accumulators and taps that it
/// leaves out.
const REGION_OVERHEAD: usize = 200;
const INITIAL_RATE: usize = 4;

/// Cycles that copying a patch takes: about so many for finding it, and one for so many bytes.
const COPY_OVERHEAD: usize = 30;
const COPY_RATE: usize = 16;

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

/// The tiling of `rows × panels` whose rows are multiplied with `groups` groups of depths of each panel, and its cost.
///
/// A tile of `r` rows by `p` panels needs, for every group of depths, `r·p` dot products and the loads of `r` rows and `p`
/// panels. A core does both at once, so a group costs the greater of the two, and an eighth of the loads because they compete
/// with those that fill the cache. The tile with the least cost over the whole output is taken, partial tiles counted as
/// they will be computed.
pub(super) fn choose(
    gemm: &'static GemmTable,
    rows: usize,
    panel_count: usize,
    panels: &PackedPanels,
    groups: usize,
) -> (Tiling, f64) {
    let tiles = gemm.tiles;
    let (rows, panel_count) = (rows.max(1), panel_count.max(1));
    let mut best = (f64::INFINITY, &tiles[0]);
    // A taller tile than the lowest that covers all rows would be computed as that one.
    let tallest = fitting(tiles, rows).rows;
    for tile in tiles.iter().take_while(|tile| tile.rows <= tallest) {
        let rest = match rows % tile.rows {
            0 => 0.0,
            left => cost(gemm.cost, fitting(tiles, left), panel_count, groups),
        };
        let total = (rows / tile.rows) as f64 * cost(gemm.cost, tile, panel_count, groups) + rest;
        // At equal cost the taller tile reads the weights less often.
        if total <= best.0 {
            best = (total, tile);
        }
    }
    let (total, tile) = best;
    (blocking(tile, rows, panel_count, panels), total)
}

/// The blocking of `rows × panels` for a tile.
fn blocking(tile: &TileRows, rows: usize, panel_count: usize, panels: &PackedPanels) -> Tiling {
    let tile_panels = tile.width(panel_count);
    let panel_bytes = panels.panel_bytes().max(1);
    let block_panels = if panel_count.saturating_mul(panel_bytes) <= BLOCK_BYTES {
        panel_count
    } else {
        (BLOCK_BYTES / panel_bytes).max(1).next_multiple_of(tile_panels).min(panel_count)
    };
    let strip = if rows <= tile.rows { 1 } else { longest_strip(tile, panels.depth()).min(rows / tile.rows) };
    Tiling { tile_rows: tile.rows, tile_panels, strip, block_panels }
}

/// The last choice that a plan made, so that a small call does not take longer to choose than to multiply.
///
/// Threads that share one may overwrite each other's choice; each finds its own or makes it anew.
#[derive(Debug, Default)]
pub struct TilingMemo {
    /// Rows (32 bits), panels (16), the tile's number plus one (8); 0 before the first choice.
    #[cfg(target_has_atomic = "64")]
    last: AtomicU64,
}

impl TilingMemo {
    /// What [`choose`] gives for the whole depth of the panels.
    #[inline]
    pub(super) fn choose(
        &self,
        gemm: &'static GemmTable,
        rows: usize,
        panel_count: usize,
        panels: &PackedPanels,
        groups: usize,
    ) -> Tiling {
        #[cfg(target_has_atomic = "64")]
        if let (Ok(key_rows), Ok(key_panels)) = (u32::try_from(rows), u16::try_from(panel_count)) {
            let key = u64::from(key_rows) << 32 | u64::from(key_panels) << 16;
            let last = self.last.load(Ordering::Relaxed);
            if last & !0xffff == key
                && let Some(tile) = gemm.tiles.get((last as usize & 0xff).wrapping_sub(1))
            {
                return blocking(tile, rows, panel_count, panels);
            }
            let (tiling, _) = choose(gemm, rows, panel_count, panels, groups);
            let number = gemm.tiles.iter().position(|tile| tile.rows == tiling.tile_rows);
            self.last.store(key | number.map_or(0, |number| number as u64 + 1), Ordering::Relaxed);
            return tiling;
        }
        choose(gemm, rows, panel_count, panels, groups).0
    }
}

impl Clone for TilingMemo {
    /// An empty one.
    fn clone(&self) -> TilingMemo {
        TilingMemo::default()
    }
}

/// Tiles of the longest strip of rows of so many elements.
pub(super) fn longest_strip(tile: &TileRows, depth: usize) -> usize {
    (STRIP_BYTES / tile.rows.saturating_mul(depth.max(1))).clamp(1, MAX_STRIP)
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
fn cost(cost: TileCost, tile: &TileRows, panels: usize, groups: usize) -> f64 {
    let one = |p: usize| {
        let loads = tile.rows * cost.row + p * cost.panel;
        let group = 8 * (tile.rows * p * cost.dot).max(loads) + loads;
        groups as f64 * group as f64 + (64 * TILE_OVERHEAD) as f64
    };
    let width = tile.width(panels);
    // All tiles but some of the last are `width` wide: `width` for the first and one less for the others, in all `panels`.
    let count = panels.div_ceil(width);
    let narrower = count * width - panels;
    let wide = (count - narrower) as f64 * one(width);
    if narrower == 0 { wide } else { wide + narrower as f64 * one(width - 1) }
}
