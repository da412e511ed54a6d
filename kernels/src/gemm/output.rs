//! A rectangle of the output that one task owns.

mod batch;
#[cfg(test)]
mod tests;

use core::marker::PhantomData;

pub use batch::OutputBatch;

use crate::OutputElement;

/// A rectangle of a row-major output matrix, exclusively borrowed. It knows where in the matrix it lies, and it can be
/// split into disjoint rectangles, so that tasks on any threads can fill one matrix.
///
/// If it has elements, those of row `r` begin at `data + r · row_stride`, and all of them, from the first row to the last,
/// lie in one slice that is borrowed; so no such product wraps, nor does one in bytes. If it has none, `row_stride` may be 0.
#[derive(Debug)]
pub struct OutputBlock<'a, T> {
    data: *mut T,
    first_row: usize,
    first_column: usize,
    rows: usize,
    columns: usize,
    row_stride: usize,
    borrow: PhantomData<&'a mut [T]>,
}

// SAFETY: a block is an exclusive borrow of the elements of its rectangle, as `&mut [T]` is of a slice's, and no two
// blocks overlap.
unsafe impl<T: Send> Send for OutputBlock<'_, T> {}
// SAFETY: only unsafe code can read or write through `&OutputBlock`, by an address.
unsafe impl<T: Sync> Sync for OutputBlock<'_, T> {}

impl<'a, T: OutputElement> OutputBlock<'a, T> {
    /// The whole matrix of `rows × columns`, whose rows begin `row_stride` elements apart.
    ///
    /// # Panics
    ///
    /// If `row_stride < columns` (with more than one row) or `data` is too short.
    #[must_use]
    #[inline(always)]
    pub fn new(data: &'a mut [T], rows: usize, columns: usize, row_stride: usize) -> OutputBlock<'a, T> {
        // Without a next row, or without elements in it, the stride has no meaning and may be anything: one that fits is
        // stored, so that no product with it wraps.
        let mut stride = row_stride;
        if rows > 0 && columns > 0 {
            if rows == 1 {
                stride = columns;
            }
            assert!(stride >= columns, "rows of the output overlap");
            let needed = (rows - 1).checked_mul(stride).and_then(|start| start.checked_add(columns));
            assert!(needed.is_some_and(|needed| needed <= data.len()), "output too short");
        } else {
            stride = 0;
        }
        let data = data.as_mut_ptr();
        OutputBlock {
            data,
            first_row: 0,
            first_column: 0,
            rows,
            columns,
            row_stride: stride,
            borrow: PhantomData,
        }
    }

    /// The block's first row in the matrix.
    #[must_use]
    #[inline]
    pub fn first_row(&self) -> usize {
        self.first_row
    }

    /// The block's first column in the matrix.
    #[must_use]
    #[inline]
    pub fn first_column(&self) -> usize {
        self.first_column
    }

    /// Number of rows.
    #[must_use]
    #[inline]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[must_use]
    #[inline]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The same elements as the first columns of a matrix: a channel group has weights of its own.
    #[must_use]
    pub fn from_first_column(self) -> Self {
        OutputBlock { first_column: 0, ..self }
    }

    /// The same elements as those of the rows from `row` on of a matrix: an image of a larger output has pixels of its own.
    ///
    /// # Panics
    ///
    /// If the number of a row would overflow.
    #[must_use]
    pub fn from_row(self, row: usize) -> Self {
        // What unsafe code behind a block relies on: sums with its rows do not wrap.
        assert!(row.checked_add(self.rows).is_some(), "rows past the greatest number");
        OutputBlock { first_row: row, ..self }
    }

    /// The rows before `row` (counted in this block) and those from it on.
    ///
    /// # Panics
    ///
    /// If the block has fewer than `row` rows.
    #[must_use]
    pub fn split_rows(self, row: usize) -> (Self, Self) {
        assert!(row <= self.rows, "split past the last row");
        (self.part([0, 0], [row, self.columns]), self.part([row, 0], [self.rows - row, self.columns]))
    }

    /// The columns before `column` (counted in this block) and those from it on.
    ///
    /// # Panics
    ///
    /// If the block has fewer than `column` columns.
    #[must_use]
    pub fn split_columns(self, column: usize) -> (Self, Self) {
        assert!(column <= self.columns, "split past the last column");
        (self.part([0, 0], [self.rows, column]), self.part([0, column], [self.rows, self.columns - column]))
    }

    /// The rectangle of `rows × columns` whose first element is at `row`, `column` of this block. Whoever splits a block gives
    /// it up and makes parts that do not overlap.
    #[inline]
    fn part(&self, [row, column]: [usize; 2], [rows, columns]: [usize; 2]) -> Self {
        OutputBlock {
            // An empty part must not point past the data: `wrapping_add` keeps the arithmetic defined.
            data: self.data.wrapping_add(row * self.row_stride + column),
            first_row: self.first_row + row,
            first_column: self.first_column + column,
            rows,
            columns,
            ..*self
        }
    }

    /// The elements of a row of this block.
    ///
    /// # Panics
    ///
    /// If the block has no such row.
    #[must_use]
    pub fn row_mut(&mut self, row: usize) -> &mut [T] {
        assert!(row < self.rows, "row past the last one");
        if self.columns == 0 {
            return &mut [];
        }
        // SAFETY: the block has elements, and those of its rows lie where the type says; they are exclusively borrowed, here
        // for as long as the block.
        unsafe {
            core::slice::from_raw_parts_mut(self.data.wrapping_add(row * self.row_stride), self.columns)
        }
    }

    /// Address of the element at `row`, `column` of this block.
    #[inline]
    pub(crate) fn address(&self, row: usize, column: usize) -> *mut u8 {
        debug_assert!(row < self.rows && column < self.columns);
        self.data.wrapping_add(row * self.row_stride + column).cast()
    }

    /// Bytes from one row to the next.
    pub(crate) fn row_bytes(&self) -> usize {
        self.row_stride * size_of::<T>()
    }
}
