//! Matrices that a few tiles cover: without the map of scratch, the choices and the strips that others need, on which small
//! ones would spend most of their time.

use core::mem::MaybeUninit;

use super::call::Checked;
use super::driver::{Place, compute};
use super::rows::point_rows;
use super::scratch::{Depth, Slots, Strip};
use super::tiling::{STRIP_BYTES, fitting};
use super::{ByteRows, GemmTable, LhsForm, MAX_ROWS, MatrixRows, PANEL, PackedPanels, TileRows};
use crate::{OutputElement, Scratch};

/// Tiles one below the other, at most.
const MAX_TILES: usize = 2;
/// Bytes of weights at most, unless one tile covers the block: with them everything stays in the first-level cache, in any
/// order.
const MAX_PANELS: usize = 8 << 10;
/// Bytes of widened rows at most: half of what the longest strip of a tile may take as bytes, so that the rows of two of the
/// tallest tiles have room in the scratch of every plan.
const MAX_WORDS: usize = STRIP_BYTES / 2;

/// The tile that so many rows and panels of a matrix are computed with if they are small: one covers the rows, or two do,
/// as equal as they can be.
#[inline]
pub(super) fn tile(
    gemm: &'static GemmTable,
    rows: usize,
    panel_count: usize,
    panels: &PackedPanels,
) -> Option<&'static TileRows> {
    let tallest = gemm.tiles[gemm.tiles.len() - 1].rows;
    assert!(tallest <= MAX_ROWS, "no tile is higher than its pointers have room for");
    if panels.segments() != 1 || rows > MAX_TILES * tallest {
        return None;
    }
    let (words, depth) = (matches!(gemm.lhs, LhsForm::Words { .. }), panels.depth());
    if words && (depth == 0 || depth > MAX_WORDS || rows * word_row(depth) > MAX_WORDS) {
        return None;
    }
    let tile = fitting(gemm.tiles, if rows > tallest { rows.div_ceil(MAX_TILES) } else { rows });
    if rows <= tallest && panel_count <= tile.max_panels() {
        return Some(tile);
    }
    // With several tiles beside each other, lower and wider ones may be better.
    let width = tile.max_panels();
    let near = panel_count.saturating_mul(panels.panel_bytes()) <= MAX_PANELS;
    (near && (panel_count <= width || width == 1)).then_some(tile)
}

/// Bytes of a row of so many words: whole pairs, of which the last may have a word that meets weights of 0.
#[inline]
fn word_row(depth: usize) -> usize {
    depth.next_multiple_of(2) * 2
}

/// Computes the block of the output, which is not empty, if its matrix is small and lies as this asks for. Says whether it
/// did.
#[inline]
pub(super) fn run<T: OutputElement>(
    checked: &mut Checked<'_, '_, T>,
    matrix: &MatrixRows<'_>,
    scratch: &mut Scratch,
) -> bool {
    let (call, gemm) = (checked.call(), checked.gemm());
    let (rows, columns) = (checked.out().rows(), checked.out().columns());
    let Some(tile_rows) = tile(gemm, rows, columns.div_ceil(PANEL), &call.panels) else { return false };
    if matrix.column_stride() != 1 {
        return false;
    }
    let first = matrix.row(checked.out().first_row());
    match gemm.lhs {
        LhsForm::Bytes { .. } => {
            let rows = FoundRows { first, stride: matrix.row_stride() };
            // SAFETY: the block's rows are those of the matrix, from `first` on.
            unsafe { tiles(checked, tile_rows, matrix, rows) };
        }
        LhsForm::Words { widen } => {
            let row = word_row(matrix.columns());
            let words = scratch.raw(rows * row);
            // SAFETY: the block's rows are in the matrix, and `tile` has found some elements in them; scratch is aligned and
            // holds as many rows of words; the backend's features are here.
            unsafe {
                widen(&ByteRows {
                    signed: call.lhs_signed,
                    rows,
                    len: matrix.columns(),
                    bytes: first,
                    stride: matrix.row_stride(),
                    words: words.cast(),
                    word_stride: row / 2,
                });
            }
            let rows = FoundRows { first: words, stride: row };
            // SAFETY: the block's rows were widened to these.
            unsafe { tiles(checked, tile_rows, matrix, rows) };
        }
    }
    true
}

/// Where the rows of a block lie that the kernels read.
#[derive(Clone, Copy)]
struct FoundRows {
    first: *const u8,
    /// Bytes from a row to the next.
    stride: usize,
}

/// Computes the block.
///
/// # Safety
///
/// The block is not empty, and [`tile`] gave the tile for it. `found` are its rows, in the form that the kernels read.
#[inline]
unsafe fn tiles<T: OutputElement>(
    checked: &mut Checked<'_, '_, T>,
    tile_rows: &'static TileRows,
    matrix: &MatrixRows<'_>,
    found: FoundRows,
) {
    // What tiles read of these is written before.
    let mut pointers = MaybeUninit::<[*const u8; MAX_ROWS]>::uninit();
    let mut places = MaybeUninit::<[usize; MAX_ROWS]>::uninit();
    let mut sums = MaybeUninit::<[i32; MAX_TILES * MAX_ROWS]>::uninit();
    let (call, gemm) = (checked.call(), checked.gemm());
    if call.weight_zeros.is_some() {
        // Rows that do not exist have sums, too.
        sums.write([0; MAX_TILES * MAX_ROWS]);
    }
    let slots = Slots {
        pointers: pointers.as_mut_ptr().cast(),
        places: places.as_mut_ptr().cast(),
        sums: sums.as_mut_ptr().cast(),
    };
    let (region, depth) = (&matrix.region(), Depth::whole(&call.panels));
    let panel_count = checked.out().columns().div_ceil(PANEL);
    let first_panel = checked.out().first_column() / PANEL;
    let mut row = 0;
    while row < checked.out().rows() {
        let left = checked.out().rows() - row;
        // `MAX_TILES` at most are left.
        let (tile_rows, count) = match left {
            _ if left >= MAX_TILES * tile_rows.rows => (tile_rows, MAX_TILES),
            _ if left >= tile_rows.rows => (tile_rows, 1),
            _ => (fitting(gemm.tiles, left), 1),
        };
        let rows = left.min(count * tile_rows.rows);
        let (height, out_stride) = (tile_rows.rows, checked.out().row_bytes());
        let strip = Strip { region, depth: &depth, rows, first_row: 0, out_stride };
        // SAFETY: the rows exist; there is room for the pointers and places of a tile and the sums of `MAX_TILES`.
        let found = unsafe {
            let start = found.first.wrapping_add(row.wrapping_mul(found.stride));
            point_rows(start, found.stride, rows.min(height), height, slots.pointers);
            slots.equal_steps(call, gemm.lhs, row, found.stride, height, &strip)
        };
        let mut panel = 0;
        while panel < panel_count {
            let width = tile_rows.width(panel_count - panel);
            let columns = (width * PANEL).min(checked.out().columns() - panel * PANEL);
            let init = call.init.as_ptr();
            let place = Place { row, rows, count, panel, width, columns, first_panel, init };
            // SAFETY: the strip's rows are the block's, and so are the panels; `Checked` has the initial accumulators.
            unsafe { compute(checked, &depth, tile_rows, &found, place) };
            panel += width;
        }
        row += rows;
    }
}
