//! Which tile computes which part of the output.

#[cfg(target_has_atomic = "64")]
use core::sync::atomic::Ordering;

use super::matrix_unit::{Permission, ProductSize, UnitShape};
use super::memo::TilingMemo;
use super::narrow;
use super::rows::{Addressing, Depth, depth_of, patch_addressing};
use super::weights::Width;
use super::{LhsForm, MAX_ROWS, PaddingElision, PanelShape, Patches, TileCost, TileRows, Variant};
use crate::Backend;

/// Bytes of packed weights that a block of columns may take: they are read again for every tile of rows, and stay in
/// the second-level cache meanwhile.
pub(super) const BLOCK_BYTES: usize = 256 * 1024;

/// Bytes of activations that an m-block may take: they are read again for every panel, and stay in the first-level
/// cache meanwhile, as do the panels that the m-block is multiplied with.
const M_BLOCK_BYTES: usize = 8 * 1024;

/// The most tiles in an m-block: they share the cost of a call.
const MAX_M_BLOCK: usize = 16;

/// The choice of tile and blocking for a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    /// Rows of a full tile.
    pub tile_rows: usize,
    /// Panels (of [`PANEL`](super::PANEL) columns) of a full tile.
    pub tile_panels: usize,
    /// Tiles of an m-block: they lie one below the other, and one call multiplies them with the same panels.
    pub m_block: usize,
    /// Panels that one pass over the rows multiplies with.
    pub block_panels: usize,
    /// The matrix unit that computes the tiles, if it is not a kernel of vectors.
    pub unit: Option<&'static str>,
    /// How kernels read the weights.
    pub weights: WeightsPath,
}

/// How kernels read weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WeightsPath {
    /// As they are, bytes.
    Bytes,
    /// Weights of few bits, as bytes to which a block of panels is unfolded at a time.
    Unfolded,
    /// Weights of few bits, as they are: kernels unfold them in registers.
    Folded,
}

/// The tiling with which a backend multiplies `rows` rows, of a matrix without gaps between columns or of patches, with
/// these weights; `None` if it does not read them.
#[must_use]
pub fn tiling(backend: Backend, rows: usize, matrix: bool, panels: &PanelShape) -> Option<Tiling> {
    let gemm = panels.variant(backend)?;
    if panels.width() != Width::Eight {
        let size = ProductSize::new(rows, panels, panels.columns());
        if matrix && let Some(gemm) = narrow::folded_kernels(backend, panels, size) {
            let tiling = vector_tiling(gemm, rows.max(1), true, panels);
            return Some(Tiling { weights: WeightsPath::Folded, ..tiling });
        }
        let shape = panels.unfolded();
        let block_panels = narrow::block_panels(gemm, &shape);
        let tiling = tiling(backend, rows, matrix, &shape)?;
        let block_panels = tiling.block_panels.min(block_panels);
        return Some(Tiling { block_panels, weights: WeightsPath::Unfolded, ..tiling });
    }
    let (rows, panel_count) = (rows.max(1), panels.panels().max(1));
    if let Some(unit) = gemm.unit_for(ProductSize::new(rows, panels, panels.columns())) {
        let shape = UnitShape::new(rows, &Depth::whole(panels), panels);
        return Some(Tiling {
            tile_rows: shape.height,
            tile_panels: 1,
            m_block: shape.m_block.min(rows.div_ceil(shape.height)),
            block_panels: UnitShape::block_panels(panels).min(panel_count),
            unit: Some(unit.name),
            weights: WeightsPath::Bytes,
        });
    }
    Some(vector_tiling(gemm, rows, matrix, panels))
}

/// The tiling of a variant's kernels of vectors.
fn vector_tiling(gemm: &'static Variant, rows: usize, matrix: bool, panels: &PanelShape) -> Tiling {
    let panel_count = panels.panels().max(1);
    if matrix && let Some(tile) = small_tile(gemm, rows, panel_count, panels) {
        return blocking(tile, rows, panel_count, panels);
    }
    let groups = panels.panel_bytes() / gemm.layout.group_bytes();
    choose(gemm, rows, panel_count, panels, groups).0
}

/// The padding elision that costs least for these patches. Leaving out more products makes more border regions, whose tiles
/// are lower. [`PaddingElision::Nothing`] if the patches are not as deep as the panels, or there are none.
#[must_use]
pub fn best_elision(backend: Backend, patches: &Patches, panels: &PanelShape) -> PaddingElision {
    let Some(gemm) = panels.variant(backend) else { return PaddingElision::Nothing };
    let panels = &panels.unfolded();
    let window = patches.window();
    if window.rows() == 0 || patches.depth() != panels.depth() {
        return PaddingElision::Nothing;
    }
    if let Some(unit) = gemm.unit
        && (unit.pays)(ProductSize::new(window.rows(), panels, panels.columns()))
        && (unit.request)() == Permission::Granted
    {
        // Each region is a pass over all weights, whose loads are expected to take longer than the products that are left out.
        return PaddingElision::Nothing;
    }
    let addressing = patch_addressing(gemm, patches, panels);
    let most = patches.possible_elision(addressing, gemm.layout.k_group);
    let choices = [PaddingElision::Nothing, PaddingElision::Rows, PaddingElision::All]
        .into_iter()
        .filter(|&elision| elision <= most);
    let total = |elision: PaddingElision| {
        let copied = match addressing {
            Addressing::KernelRows { begin, end } if elision != PaddingElision::All => {
                window.rows() - window.batch * window.output[0] * (end.max(begin) - begin)
            }
            _ => 0,
        };
        let copies = copied as f64 * 64.0 * (COPY_OVERHEAD + panels.depth() / COPY_RATE) as f64;
        window.regions(elision).fold(copies, |total, region| {
            let rows = region.pixels(window.output, 0, window.rows());
            let depth = depth_of(patches, panels, &region);
            let tiles = choose(gemm, rows, panels.panels(), panels, depth.groups(gemm.layout.k_group)).1;
            let left_out = panels.depth() - depth.segments * depth.len;
            let initial =
                if left_out > 0 { panels.padded_columns().saturating_mul(window.taps()) } else { 0 };
            total + tiles + (64 * (REGION_OVERHEAD + initial / INITIAL_RATE)) as f64
        })
    };
    choices.min_by(|&a, &b| total(a).total_cmp(&total(b))).unwrap_or(PaddingElision::Nothing)
}

/// Fixed cost of a region, in cycles (order of magnitude), and the products of initial accumulators and left-out taps that
/// take one more cycle.
const REGION_OVERHEAD: usize = 200;
const INITIAL_RATE: usize = 4;

/// Fixed cost of copying a patch, in cycles (order of magnitude), and the bytes that take one more cycle.
const COPY_OVERHEAD: usize = 30;
const COPY_RATE: usize = 16;

/// Fixed cost of a tile, in cycles: the call, pointers, initial accumulators, the start of the epilogue. Taken
/// from the length of that code; only its order of magnitude matters, and only where the depth is small.
const TILE_OVERHEAD: usize = 24;

/// The tiling of `rows × panels` whose rows are multiplied with `groups` groups of depths of each panel, and its cost.
///
/// A tile of `r` rows by `p` panels needs, for every group of depths, `r·p` dot products and the loads of `r` rows and `p`
/// panels. A core does both at once, so a group costs the greater of the two, and an eighth of the loads because they compete
/// with those that fill the cache. The tile with the least cost over the whole output is taken, partial tiles counted as
/// they will be computed.
pub(super) fn choose(
    gemm: &'static Variant,
    rows: usize,
    panel_count: usize,
    panels: &PanelShape,
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

/// Panels that all regions of patches are multiplied with before any is with others.
pub(super) fn shared_panels(gemm: &Variant, panel_count: usize, panels: &PanelShape) -> usize {
    let widest = gemm.tiles.iter().map(TileRows::max_panels).max().unwrap_or(1);
    block_panels(widest, panel_count, panels)
}

/// Panels of a block of columns, in tiles of `tile_panels`.
fn block_panels(tile_panels: usize, panel_count: usize, panels: &PanelShape) -> usize {
    let panel_bytes = panels.panel_bytes().max(1);
    if panel_count.saturating_mul(panel_bytes) <= BLOCK_BYTES {
        panel_count
    } else {
        (BLOCK_BYTES / panel_bytes).max(1).next_multiple_of(tile_panels).min(panel_count)
    }
}

/// The blocking of `rows × panels` for a tile.
fn blocking(tile: &TileRows, rows: usize, panel_count: usize, panels: &PanelShape) -> Tiling {
    let tile_panels = tile.width(panel_count);
    let block_panels = block_panels(tile_panels, panel_count, panels);
    let m_block =
        if rows <= tile.rows { 1 } else { longest_m_block(tile, panels.depth()).min(rows / tile.rows) };
    Tiling {
        tile_rows: tile.rows,
        tile_panels,
        m_block,
        block_panels,
        unit: None,
        weights: WeightsPath::Bytes,
    }
}

/// What [`choose`] gives for the whole depth of the panels, from the memo if it is the same as last time.
#[inline]
pub(super) fn choose_again(
    #[cfg_attr(
        not(target_has_atomic = "64"),
        expect(unused_variables, reason = "the memo is empty where there are no atomics for it")
    )]
    memo: &TilingMemo,
    gemm: &'static Variant,
    rows: usize,
    panel_count: usize,
    panels: &PanelShape,
    groups: usize,
) -> Tiling {
    #[cfg(target_has_atomic = "64")]
    if let (Ok(key_rows), Ok(key_panels)) = (u32::try_from(rows), u16::try_from(panel_count)) {
        let key = u64::from(key_rows) << 32 | u64::from(key_panels) << 16;
        let last = memo.last.load(Ordering::Relaxed);
        if last & !0xffff == key
            && let Some(tile) = gemm.tiles.get((last as usize & 0xff).wrapping_sub(1))
        {
            return blocking(tile, rows, panel_count, panels);
        }
        let (tiling, _) = choose(gemm, rows, panel_count, panels, groups);
        let number = gemm.tiles.iter().position(|tile| tile.rows == tiling.tile_rows);
        memo.last.store(key | number.map_or(0, |number| number as u64 + 1), Ordering::Relaxed);
        return tiling;
    }
    choose(gemm, rows, panel_count, panels, groups).0
}

/// Tiles one below the other in a small matrix, at most.
pub(super) const MAX_SMALL_TILES: usize = 2;
/// Bytes of weights of a small matrix at most, unless one tile covers the block: everything then stays in the first-level
/// cache, in any order.
const MAX_SMALL_PANELS: usize = 8 << 10;
/// Bytes of widened rows of a small matrix at most: half of what the longest m-block may take as bytes, so that the rows of two
/// of the tallest tiles have room in the scratch of every plan.
const MAX_SMALL_I16_BYTES: usize = M_BLOCK_BYTES / 2;

/// The tile for a matrix of `rows` rows and `panel_count` panels if it is small: one tile covers the rows, or two tiles of
/// equal height do.
#[inline]
pub(super) fn small_tile(
    gemm: &'static Variant,
    rows: usize,
    panel_count: usize,
    panels: &PanelShape,
) -> Option<&'static TileRows> {
    let tallest = gemm.tiles[gemm.tiles.len() - 1].rows;
    assert!(tallest <= MAX_ROWS, "no tile is higher than its pointers have room for");
    if panels.segments() != 1 || rows > MAX_SMALL_TILES * tallest {
        return None;
    }
    let (widened, depth) = (matches!(gemm.lhs, LhsForm::I16 { .. }), panels.depth());
    if widened
        && (depth == 0 || depth > MAX_SMALL_I16_BYTES || rows * i16_row_bytes(depth) > MAX_SMALL_I16_BYTES)
    {
        return None;
    }
    let tile = fitting(gemm.tiles, if rows > tallest { rows.div_ceil(MAX_SMALL_TILES) } else { rows });
    if rows <= tallest && panel_count <= tile.max_panels() {
        return Some(tile);
    }
    // With several tiles beside each other, lower and wider ones may be better.
    let width = tile.max_panels();
    let near = panel_count.saturating_mul(panels.panel_bytes()) <= MAX_SMALL_PANELS;
    (near && (panel_count <= width || width == 1)).then_some(tile)
}

/// Bytes of a row of `depth` `i16`s: whole pairs, of which the last may have an `i16` that is multiplied by a weight of 0.
#[inline]
pub(super) fn i16_row_bytes(depth: usize) -> usize {
    depth.next_multiple_of(2) * 2
}

/// Tiles of the longest m-block of rows of `depth` elements.
pub(super) fn longest_m_block(tile: &TileRows, depth: usize) -> usize {
    (M_BLOCK_BYTES / tile.rows.saturating_mul(depth.max(1))).clamp(1, MAX_M_BLOCK)
}

/// The lowest tile that covers `rows` rows.
pub(super) fn fitting(tiles: &'static [TileRows], rows: usize) -> &'static TileRows {
    tiles.iter().find(|tile| tile.rows >= rows).unwrap_or(&tiles[tiles.len() - 1])
}

impl TileRows {
    /// The panels of the next tile where `left` panels are left: the most equal shares, since a tile of few panels has too few
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
