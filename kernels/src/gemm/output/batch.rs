//! Rectangles of equal size in one slice, which one task owns.

use core::marker::PhantomData;

use super::OutputBlock;
use crate::OutputElement;

/// Row-major matrices of equal size that lie at equal distances in one slice, exclusively borrowed, or the same rows and columns of each of
/// them. They lie one after the other, or their rows lie side by side as those of heads do. They can be split
/// into disjoint batches, as an [`OutputBlock`] into blocks.
///
/// If it has elements, those of row `r` of matrix `i` begin at `data + i · stride + r · row_stride`, no element belongs to two rows, and all
/// of them, from the first to the last, lie in one slice that is borrowed; so no such sum wraps, nor does one in bytes.
#[derive(Debug)]
pub struct OutputBatch<'a, T> {
    data: *mut T,
    first: usize,
    count: usize,
    first_row: usize,
    first_column: usize,
    rows: usize,
    columns: usize,
    stride: usize,
    row_stride: usize,
    borrow: PhantomData<&'a mut [T]>,
}

// SAFETY: a batch is an exclusive borrow of the elements of its rectangles, as `&mut [T]` is of a slice's, and no two batches
// overlap.
unsafe impl<T: Send> Send for OutputBatch<'_, T> {}
// SAFETY: nothing reads or writes through `&OutputBatch`.
unsafe impl<T: Sync> Sync for OutputBatch<'_, T> {}

impl<'a, T: OutputElement> OutputBatch<'a, T> {
    /// `count` matrices of `rows × columns`, which begin `stride` elements apart, and their rows `row_stride`; `None` if rows
    /// overlap or `data` is too short.
    #[must_use]
    pub fn new(
        data: &'a mut [T],
        count: usize,
        [rows, columns]: [usize; 2],
        stride: usize,
        row_stride: usize,
    ) -> Option<OutputBatch<'a, T>> {
        let (mut own_stride, mut own_row_stride) = (stride, row_stride);
        if count == 0 || rows == 0 || columns == 0 {
            (own_stride, own_row_stride) = (0, 0);
        } else {
            // A stride that leads nowhere may be anything: one that fits is stored, so that no product with it wraps.
            if rows == 1 {
                own_row_stride = columns;
            }
            let matrix = (rows - 1).checked_mul(own_row_stride)?.checked_add(columns)?;
            if count == 1 {
                own_stride = matrix;
            }
            let last = (count - 1).checked_mul(own_stride)?;
            let apart = own_row_stride >= columns && own_stride >= matrix;
            let side_by_side =
                own_stride >= columns && (rows == 1 || own_row_stride >= last.checked_add(columns)?);
            if !(apart || side_by_side) || last.checked_add(matrix)? > data.len() {
                return None;
            }
        }
        Some(OutputBatch {
            data: data.as_mut_ptr(),
            first: 0,
            count,
            first_row: 0,
            first_column: 0,
            rows,
            columns,
            stride: own_stride,
            row_stride: own_row_stride,
            borrow: PhantomData,
        })
    }

    /// The first matrix, counted in the whole batch.
    #[must_use]
    pub fn first(&self) -> usize {
        self.first
    }

    /// Number of matrices.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// The first row, counted in the whole matrices.
    #[must_use]
    pub fn first_row(&self) -> usize {
        self.first_row
    }

    /// The first column, counted in the whole matrices.
    #[must_use]
    pub fn first_column(&self) -> usize {
        self.first_column
    }

    /// Rows of a matrix.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of a matrix.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The matrices before number `at` of this batch, and those from it on.
    ///
    /// # Panics
    ///
    /// If the batch has fewer.
    #[must_use]
    pub fn split(self, at: usize) -> (Self, Self) {
        assert!(at <= self.count, "split past the last matrix");
        // An empty part must not point past the data: `wrapping_add` keeps the arithmetic defined.
        let data = self.data.wrapping_add(at * self.stride);
        let rest = OutputBatch { data, first: self.first + at, count: self.count - at, ..self };
        (OutputBatch { count: at, ..self }, rest)
    }

    /// The rows before `row` (counted in this batch) of every matrix, and those from it on.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    #[must_use]
    pub fn split_rows(self, row: usize) -> (Self, Self) {
        assert!(row <= self.rows, "split past the last row");
        let data = self.data.wrapping_add(row * self.row_stride);
        let (first_row, rows) = (self.first_row + row, self.rows - row);
        let rest = OutputBatch { data, first_row, rows, ..self };
        (OutputBatch { rows: row, ..self }, rest)
    }

    /// The columns before `column` (counted in this batch) of every matrix, and those from it on.
    ///
    /// # Panics
    ///
    /// If there are fewer.
    #[must_use]
    pub fn split_columns(self, column: usize) -> (Self, Self) {
        assert!(column <= self.columns, "split past the last column");
        let data = self.data.wrapping_add(column);
        let (first_column, columns) = (self.first_column + column, self.columns - column);
        let rest = OutputBatch { data, first_column, columns, ..self };
        (OutputBatch { columns: column, ..self }, rest)
    }

    /// Matrix number `at` of this batch, as one of its own: rows and columns are counted from its first ones.
    ///
    /// # Panics
    ///
    /// If there is no such matrix.
    #[must_use]
    pub fn matrix(&mut self, at: usize) -> OutputBlock<'_, T> {
        assert!(at < self.count, "matrix past the last one");
        let &mut OutputBatch { data, rows, columns, stride, row_stride, .. } = self;
        // If it has elements they lie where the type says, borrowed here for as long as the batch.
        let row_stride = if rows == 0 || columns == 0 { 0 } else { row_stride };
        OutputBlock {
            data: data.wrapping_add(at * stride),
            first_row: 0,
            first_column: 0,
            rows,
            columns,
            row_stride,
            borrow: PhantomData,
        }
    }
}
