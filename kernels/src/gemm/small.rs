//! Fast path for matrices that a few tiles cover: it skips the planning of scratch, tiles and m-blocks, on which small matrices
//! would spend most of their time.

use core::mem::MaybeUninit;

use super::call::Checked;
use super::m_block::{Position, compute};
use super::rows::{Depth, MBlock, RowPointers, point_rows};
use super::tiling::{MAX_SMALL_TILES, fitting, i16_row_bytes, small_tile};
use super::{ByteRows, LhsForm, MAX_ROWS, MatrixRows, PANEL, TileRows};
use crate::OutputElement;
use crate::memory::Room;

/// Computes the block of the output, which is not empty, if its matrix is small and its columns are contiguous. Returns
/// whether it did.
#[inline]
pub(super) fn run<T: OutputElement>(
    checked: &mut Checked<'_, '_, T>,
    matrix: &MatrixRows<'_>,
    scratch: &mut Room<'_>,
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
            // SAFETY: the block's rows are in the matrix, and they have elements, by `small_tile`; scratch is aligned and holds
            // `rows` rows of `i16`s; the backend's features are here.
            unsafe {
                widen(&ByteRows {
                    signed: call.lhs_signed,
                    rows,
                    len: matrix.columns(),
                    bytes: first,
                    stride: matrix.row_stride(),
                    copies: widened,
                    copies_stride: row,
                });
            }
            let rows = FoundRows { first: widened, stride: row };
            // SAFETY: the block's rows were widened to these.
            unsafe { tiles(checked, tile_rows, matrix, rows) };
        }
    }
    true
}

/// Where the rows that the kernels read lie.
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
/// The block is not empty, and [`small_tile`] chose the tile for it. `found` are its rows, in the form that the kernels read.
#[inline]
unsafe fn tiles<T: OutputElement>(
    checked: &mut Checked<'_, '_, T>,
    tile_rows: &'static TileRows,
    matrix: &MatrixRows<'_>,
    found: FoundRows,
) {
    // The parts that tiles read are written first.
    let mut pointers = MaybeUninit::<[*const u8; MAX_ROWS]>::uninit();
    let mut out_offsets = MaybeUninit::<[usize; MAX_ROWS]>::uninit();
    let mut sums = MaybeUninit::<[i32; MAX_SMALL_TILES * MAX_ROWS]>::uninit();
    let (call, gemm) = (checked.call(), checked.gemm());
    if call.weight_zeros.is_some() {
        // Padding rows also need sums.
        sums.write([0; MAX_SMALL_TILES * MAX_ROWS]);
    }
    let row_pointers = RowPointers {
        pointers: pointers.as_mut_ptr().cast(),
        out_offsets: out_offsets.as_mut_ptr().cast(),
        sums: sums.as_mut_ptr().cast(),
    };
    let (region, depth) = (&matrix.region(), Depth::whole(&call.panels));
    let panel_count = checked.out().columns().div_ceil(PANEL);
    let mut row = 0;
    while row < checked.out().rows() {
        let left = checked.out().rows() - row;
        // `MAX_SMALL_TILES` at most are left.
        let (tile_rows, tiles) = match left {
            _ if left >= MAX_SMALL_TILES * tile_rows.rows => (tile_rows, MAX_SMALL_TILES),
            _ if left >= tile_rows.rows => (tile_rows, 1),
            _ => (fitting(gemm.tiles, left), 1),
        };
        let rows = left.min(tiles * tile_rows.rows);
        let (height, out_stride) = (tile_rows.rows, checked.out().row_bytes());
        let signed = call.lhs_signed;
        let m_block =
            MBlock { region, depth: &depth, rows, above: None, first_row: 0, out_stride, gemm, signed };
        // SAFETY: the rows exist; there is room for the pointers and output offsets of a tile and the sums of `MAX_SMALL_TILES`.
        let found = unsafe {
            let start = found.first.wrapping_add(row.wrapping_mul(found.stride));
            point_rows(start, found.stride, rows.min(height), height, row_pointers.pointers);
            row_pointers.equal_steps(call, row, found.stride, height, &m_block)
        };
        let (position, init) = (Position { row, rows, tiles }, call.init.as_ptr());
        // SAFETY: the m-block's rows are the block's, and so are the panels; `Checked` has the initial accumulators.
        unsafe { compute(checked, &depth, tile_rows, &found, position, 0..panel_count, init) };
        row += rows;
    }
}
