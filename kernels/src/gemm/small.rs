//! Matrices that a few tiles cover: without the map of scratch, the choices and the m-blocks that others need, on which small
//! ones would spend most of their time.

use core::mem::MaybeUninit;

use super::call::Checked;
use super::m_block::{BlockPosition, compute};
use super::rows::point_rows;
use super::scratch::{Depth, MBlock, RowPointers};
use super::tiling::{MAX_SMALL_TILES, fitting, i16_row_bytes, small_tile};
use super::{ByteRows, LhsForm, MAX_ROWS, MatrixRows, PANEL, TileRows};
use crate::{OutputElement, Scratch};

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
    let Some(tile_rows) = small_tile(gemm, rows, columns.div_ceil(PANEL), &call.panels) else { return false };
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
        LhsForm::I16 { widen } => {
            let row = i16_row_bytes(matrix.columns());
            let widened = scratch.raw(rows * row);
            // SAFETY: the block's rows are in the matrix, and `small_tile` has found some elements in them; scratch is aligned and
            // holds as many rows of words; the backend's features are here.
            unsafe {
                widen(&ByteRows {
                    signed: call.lhs_signed,
                    rows,
                    len: matrix.columns(),
                    bytes: first,
                    stride: matrix.row_stride(),
                    widened: widened.cast(),
                    widened_stride: row / 2,
                });
            }
            let rows = FoundRows { first: widened, stride: row };
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
/// The block is not empty, and [`small_tile`] gave the tile for it. `found` are its rows, in the form that the kernels read.
#[inline]
unsafe fn tiles<T: OutputElement>(
    checked: &mut Checked<'_, '_, T>,
    tile_rows: &'static TileRows,
    matrix: &MatrixRows<'_>,
    found: FoundRows,
) {
    // What tiles read of these is written before.
    let mut pointers = MaybeUninit::<[*const u8; MAX_ROWS]>::uninit();
    let mut out_offsets = MaybeUninit::<[usize; MAX_ROWS]>::uninit();
    let mut sums = MaybeUninit::<[i32; MAX_SMALL_TILES * MAX_ROWS]>::uninit();
    let (call, gemm) = (checked.call(), checked.gemm());
    if call.weight_zeros.is_some() {
        // Rows that do not exist have sums, too.
        sums.write([0; MAX_SMALL_TILES * MAX_ROWS]);
    }
    let row_pointers = RowPointers {
        pointers: pointers.as_mut_ptr().cast(),
        out_offsets: out_offsets.as_mut_ptr().cast(),
        sums: sums.as_mut_ptr().cast(),
    };
    let (region, depth) = (&matrix.region(), Depth::whole(&call.panels));
    let panel_count = checked.out().columns().div_ceil(PANEL);
    let first_panel = checked.out().first_column() / PANEL;
    let mut row = 0;
    while row < checked.out().rows() {
        let left = checked.out().rows() - row;
        // `MAX_SMALL_TILES` at most are left.
        let (tile_rows, count) = match left {
            _ if left >= MAX_SMALL_TILES * tile_rows.rows => (tile_rows, MAX_SMALL_TILES),
            _ if left >= tile_rows.rows => (tile_rows, 1),
            _ => (fitting(gemm.tiles, left), 1),
        };
        let rows = left.min(count * tile_rows.rows);
        let (height, out_stride) = (tile_rows.rows, checked.out().row_bytes());
        let m_block = MBlock { region, depth: &depth, rows, first_row: 0, out_stride };
        // SAFETY: the rows exist; there is room for the pointers and places of a tile and the sums of `MAX_SMALL_TILES`.
        let found = unsafe {
            let start = found.first.wrapping_add(row.wrapping_mul(found.stride));
            point_rows(start, found.stride, rows.min(height), height, row_pointers.pointers);
            row_pointers.equal_steps(call, gemm.lhs, row, found.stride, height, &m_block)
        };
        let mut panel = 0;
        while panel < panel_count {
            let width = tile_rows.width(panel_count - panel);
            let columns = (width * PANEL).min(checked.out().columns() - panel * PANEL);
            let init = call.init.as_ptr();
            let position = BlockPosition { row, rows, count, panel, width, columns, first_panel, init };
            // SAFETY: the m-block's rows are the block's, and so are the panels; `Checked` has the initial accumulators.
            unsafe { compute(checked, &depth, tile_rows, &found, position) };
            panel += width;
        }
        row += rows;
    }
}
