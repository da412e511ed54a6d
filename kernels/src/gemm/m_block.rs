//! M-blocks: tiles below each other, which one call of a kernel computes.

use core::ops::Range;

use super::call::Checked;
use super::rows::{Depth, MBlockRows};
use super::{PANEL, Tile, TileRows, TileZeros};
use crate::OutputElement;

/// Weights larger than this, in bytes, miss the caches on their first pass. Later rows find them in a cache.
pub(super) const PREFETCH_BYTES: usize = 6 << 20;

/// Outputs larger than this, in bytes, leave the second-level cache before they are written again.
const LARGE_OUTPUT: usize = 1 << 20;
/// The most depths, and the most of them for each two columns, that take less time than the lines of 32-bit outputs.
const SHALLOW: usize = 64;

/// The m-block's position in the block.
#[derive(Clone, Copy)]
pub(super) struct Position {
    /// Its first row in the block, for factors by row.
    pub(super) row: usize,
    /// Its number of rows, and of tiles.
    pub(super) rows: usize,
    pub(super) tiles: usize,
}

/// Multiplies an m-block with `panels`, counted in the block.
///
/// # Safety
///
/// `found` are the rows of the m-block, prepared for these tiles, which are the call's; the position and the panels lie inside
/// the block, and `init` holds the initial accumulators of all columns of the weights, padding included.
#[inline]
pub(super) unsafe fn compute<T: OutputElement>(
    checked: &mut Checked<'_, '_, T>,
    depth: &Depth,
    tile_rows: &TileRows,
    found: &MBlockRows,
    position: Position,
    panels: Range<usize>,
    init: *const i32,
) {
    let mut panel = panels.start;
    while panel < panels.end {
        let width = tile_rows.width(panels.end - panel);
        // SAFETY: the caller's promises; the panels are among these.
        unsafe { tiles(checked, depth, tile_rows, found, position, [panel, width], init) };
        panel += width;
    }
}

/// Runs the tiles of an m-block on `width` panels from `panel` on.
///
/// # Safety
///
/// As [`compute`].
#[inline]
unsafe fn tiles<T: OutputElement>(
    checked: &mut Checked<'_, '_, T>,
    depth: &Depth,
    tile_rows: &TileRows,
    found: &MBlockRows,
    position: Position,
    [panel, width]: [usize; 2],
    init: *const i32,
) {
    let kernels = if found.signed { tile_rows.signed } else { tile_rows.unsigned };
    // SAFETY: the caller's promises, and those of the kernel, which the tile keeps.
    unsafe {
        let mut tile = describe(checked, depth, tile_rows.rows, found, position, [panel, width], init);
        #[cfg(feature = "testing")]
        super::coverage::record(super::coverage::TileUse {
            unit: super::coverage::Unit::Vectors,
            layout: checked.call().panels.layout(),
            rows: tile_rows.rows,
            panels: width,
            signed: found.signed,
            half_width: tile.is_half_width(),
            whole: tile.rows == tile_rows.rows
                && tile.columns == if tile.is_half_width() { PANEL / 2 } else { width * PANEL },
        });
        kernels[width - 1](&mut tile);
    }
}

/// The first tile, of `tile_rows` rows, of an m-block on `width` panels from `panel` on.
///
/// # Safety
///
/// As [`compute`].
#[inline(always)]
pub(super) unsafe fn describe<T: OutputElement>(
    checked: &Checked<'_, '_, T>,
    depth: &Depth,
    tile_rows: usize,
    found: &MBlockRows,
    position: Position,
    [panel, width]: [usize; 2],
    init: *const i32,
) -> Tile {
    let (call, out) = (checked.call(), checked.out());
    let weights = &call.panels;
    let first = out.first_column() / PANEL + panel;
    let column = first * PANEL;
    let segment_bytes = weights.segment_bytes(weights.segment_len());
    // SAFETY: panel `first` and column `column` exist, and so do the region's segments of it; zero points and what the stage
    // has cover them, by `Checked`. Rows of the whole matrix are counted from the block's first.
    unsafe {
        let zeros = call.weight_zeros.map(|zeros| zeros.as_ptr().add(column));
        let start = (first - weights.first()) * weights.panel_stride()
            + depth.first_segment * segment_bytes
            + depth.first * PANEL;
        Tile {
            count: position.tiles,
            lhs: found.lhs,
            lhs_offset: 0,
            lhs_step: found.lhs_step,
            segments: depth.segments,
            segment_len: depth.len,
            panels: weights.bytes().as_ptr().add(start),
            panel_stride: weights.panel_stride(),
            panel_skip: segment_bytes - weights.segment_bytes(depth.len),
            prefetch: position.row == 0 && weights.bytes().len() > PREFETCH_BYTES,
            prefetch_out: size_of::<T>() == 4
                && depth.segments * depth.len <= SHALLOW.min(out.columns() / 2)
                && out.rows() * out.row_bytes() > LARGE_OUTPUT,
            rows: position.rows.min(tile_rows),
            columns: (width * PANEL).min(out.columns() - panel * PANEL),
            init: init.add(column),
            weight_zeros: zeros.unwrap_or(core::ptr::null()),
            row_sums: found.sums,
            zeros: call.row_zeros.as_ref().map_or(TileZeros::NONE, |zeros| TileZeros {
                of_rows: zeros.zero_points.as_ptr().add(out.first_row() + position.row),
                of_init: zeros.of_init,
                sums: zeros.sums.as_ptr().add(column),
            }),
            stage: call.stage.at(out.first_row() + position.row, column),
            out: out.address(found.first_row, panel * PANEL),
            out_rows: found.out_rows,
            out_step: found.out_step,
        }
    }
}
