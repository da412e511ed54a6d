//! M-blocks of tiles.

use super::call::Checked;
use super::scratch::{Depth, MBlockRows};
use super::{PANEL, Tile, TileRows};
use crate::OutputElement;

/// Bytes of weights from which on the first rows have them from memory. Later rows find them in a cache.
const PREFETCH_BYTES: usize = 6 << 20;

/// Runs an m-block of tiles.
///
/// # Safety
///
/// `found` are the rows of the m-block, prepared for these tiles, which are the call's; the place lies inside the block, and
/// its initial accumulators are those of all columns, padding included.
#[inline]
pub(super) unsafe fn compute<T: OutputElement>(
    checked: &mut Checked<'_, '_, T>,
    depth: &Depth,
    tile_rows: &TileRows,
    found: &MBlockRows,
    position: BlockPosition,
) {
    let call = checked.call();
    let panels = &call.panels;
    let panel = position.first_panel + position.panel;
    let column = panel * PANEL;
    let kernels = if call.lhs_signed { tile_rows.signed } else { tile_rows.unsigned };
    let segment_bytes = panels.segment_bytes(panels.segment_len());
    // SAFETY: panel `panel` and column `column` exist, and so do the region's segments of it; zero points and what the stage
    // has cover them, by `Checked`. Rows of the whole matrix are counted from the block's first.
    unsafe {
        let zeros = call.weight_zeros.map(|zeros| zeros.as_ptr().add(column));
        let start = panel * panels.panel_bytes() + depth.first_segment * segment_bytes + depth.first * PANEL;
        let mut tile = Tile {
            count: position.count,
            lhs: found.lhs,
            lhs_offset: 0,
            lhs_step: found.lhs_step,
            segments: depth.segments,
            segment_len: depth.len,
            panels: panels.bytes().as_ptr().add(start),
            panel_stride: panels.panel_bytes(),
            panel_skip: segment_bytes - panels.segment_bytes(depth.len),
            prefetch: position.row == 0 && panels.bytes().len() > PREFETCH_BYTES,
            rows: position.rows.min(tile_rows.rows),
            columns: position.columns,
            init: position.init.add(column),
            weight_zeros: zeros.unwrap_or(core::ptr::null()),
            row_sums: found.sums,
            stage: call.stage.at(checked.out().first_row() + position.row, column),
            out: checked.address(found.first_row, position.panel * PANEL),
            out_rows: found.out_rows,
            out_step: found.out_step,
        };
        #[cfg(feature = "testing")]
        super::coverage::record(super::coverage::TileUse {
            layout: panels.layout(),
            rows: tile_rows.rows,
            panels: position.width,
            signed: call.lhs_signed,
            half_width: tile.is_half_width(),
            whole: tile.rows == tile_rows.rows
                && tile.columns == if tile.is_half_width() { PANEL / 2 } else { position.width * PANEL },
        });
        kernels[position.width - 1](&mut tile);
    }
}

/// An m-block's place in the block.
pub(super) struct BlockPosition {
    /// The m-block's first row in the block, for factors by row.
    pub(super) row: usize,
    pub(super) rows: usize,
    /// Tiles of the m-block.
    pub(super) count: usize,
    pub(super) panel: usize,
    pub(super) width: usize,
    pub(super) columns: usize,
    pub(super) first_panel: usize,
    /// Initial accumulators of all columns.
    pub(super) init: *const i32,
}
