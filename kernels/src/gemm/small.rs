//! Matrices that a few tiles cover: without the map of scratch, the choices and the strips that others need, on which small
//! ones would spend most of their time.

use core::mem::MaybeUninit;

use super::driver::{Call, Place, compute};
use super::scratch::{Depth, Slots, Strip};
use super::tiling::{STRIP_BYTES, fitting};
use super::{ByteRows, LhsForm, MAX_ROWS, MatrixRows, OutputBlock, PANEL, PackedPanels, TileRows, Variant};
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
    gemm: &'static Variant,
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

/// Computes the block of the output, if its matrix is small and lies as this asks for. Says whether it did.
///
/// # Safety
///
/// The call was checked against the block, which is not empty.
#[inline]
pub(super) unsafe fn run<T: OutputElement>(
    call: &Call<'_>,
    gemm: &'static Variant,
    matrix: &MatrixRows<'_>,
    out: &mut OutputBlock<'_, T>,
    scratch: &mut Scratch,
) -> bool {
    let rows = out.rows();
    let Some(tile_rows) = tile(gemm, rows, out.columns().div_ceil(PANEL), call.panels) else { return false };
    if matrix.column_stride != 1 {
        return false;
    }
    match gemm.lhs {
        // SAFETY: the caller's promises.
        LhsForm::Bytes { .. } => unsafe { tiles(call, gemm, tile_rows, matrix, out.first_row(), out) },
        LhsForm::Words { widen } => {
            let row = word_row(matrix.columns);
            let memory = scratch.bytes(rows * row);
            // SAFETY: `check` has found the rows in the matrix; scratch is aligned and holds as many rows of words; the
            // backend's features are here.
            unsafe {
                widen(&ByteRows {
                    signed: call.lhs_signed,
                    rows,
                    len: matrix.columns,
                    bytes: matrix.data.as_ptr().wrapping_add(out.first_row() * matrix.row_stride),
                    stride: matrix.row_stride,
                    words: memory.as_mut_ptr().cast(),
                    word_stride: row / 2,
                });
            }
            let widened = MatrixRows { data: memory, rows, row_stride: row, ..*matrix };
            // SAFETY: the caller's promises, and the block's rows are those of the widened matrix.
            unsafe { tiles(call, gemm, tile_rows, &widened, 0, out) };
        }
    }
    true
}

/// Computes the block from the rows that the kernels read, the first of which is row `first` of the matrix.
///
/// # Safety
///
/// As [`run`]; the rows are in the matrix, in the form that the kernels read.
#[inline]
unsafe fn tiles<T: OutputElement>(
    call: &Call<'_>,
    gemm: &Variant,
    tile_rows: &'static TileRows,
    matrix: &MatrixRows<'_>,
    first: usize,
    out: &mut OutputBlock<'_, T>,
) {
    // What tiles read of these is written before.
    let mut pointers = MaybeUninit::<[*const u8; MAX_ROWS]>::uninit();
    let mut places = MaybeUninit::<[usize; MAX_ROWS]>::uninit();
    let mut sums = MaybeUninit::<[i32; MAX_TILES * MAX_ROWS]>::uninit();
    if call.weight_zeros.is_some() {
        // Rows that do not exist have sums, too.
        sums.write([0; MAX_TILES * MAX_ROWS]);
    }
    let slots = Slots {
        pointers: pointers.as_mut_ptr().cast(),
        places: places.as_mut_ptr().cast(),
        sums: sums.as_mut_ptr().cast(),
    };
    let (region, depth) = (&matrix.region(), Depth::whole(call.panels));
    let panel_count = out.columns().div_ceil(PANEL);
    let mut row = 0;
    while row < out.rows() {
        let left = out.rows() - row;
        // `MAX_TILES` at most are left.
        let (tile_rows, count) = match left {
            _ if left >= MAX_TILES * tile_rows.rows => (tile_rows, MAX_TILES),
            _ if left >= tile_rows.rows => (tile_rows, 1),
            _ => (fitting(gemm.tiles, left), 1),
        };
        let rows = left.min(count * tile_rows.rows);
        let strip = Strip { region, depth: &depth, rows, first_row: first, out_stride: out.row_bytes() };
        // SAFETY: the rows are in the matrix; there is room for those of all tiles.
        let found =
            unsafe { slots.point_matrix(call, gemm.lhs, matrix, first + row, tile_rows.rows, &strip) };
        let mut panel = 0;
        while panel < panel_count {
            let width = tile_rows.width(panel_count - panel);
            let columns = (width * PANEL).min(out.columns() - panel * PANEL);
            let first_panel = out.first_column() / PANEL;
            let place =
                Place { row, rows, count, panel, width, columns, first_panel, init: call.init.as_ptr() };
            // SAFETY: as in `Pass::run` of the driver.
            unsafe { compute(call, &depth, tile_rows, &found, place, out) };
            panel += width;
        }
        row += rows;
    }
}
