//! Rows of a strided matrix.

use super::regions::{Region, Span};

/// A strided matrix of bytes, all of whose elements lie inside its data.
#[derive(Clone, Copy, Debug)]
pub struct MatrixRows<'a> {
    data: &'a [u8],
    rows: usize,
    columns: usize,
    /// 0 if there are fewer than two rows or no elements.
    row_stride: usize,
    /// 1 if there are fewer than two columns.
    column_stride: usize,
}

impl<'a> MatrixRows<'a> {
    /// The matrix of `rows × columns` whose element (`r`, `c`) is `data[r · row_stride + c · column_stride]`; `None` if one of
    /// them is not in `data`. The stride of an axis with fewer than two elements may be anything.
    #[must_use]
    #[inline(always)]
    pub fn new(
        data: &'a [u8],
        rows: usize,
        columns: usize,
        row_stride: usize,
        column_stride: usize,
    ) -> Option<MatrixRows<'a>> {
        let row_stride = if rows <= 1 || columns == 0 { 0 } else { row_stride };
        let column_stride = if columns <= 1 || rows == 0 { 1 } else { column_stride };
        if rows > 0 && columns > 0 {
            let down = (rows - 1).checked_mul(row_stride)?;
            let last = (columns - 1).checked_mul(column_stride)?.checked_add(down)?;
            if last >= data.len() {
                return None;
            }
        }
        Some(MatrixRows { data, rows, columns, row_stride, column_stride })
    }

    /// Number of rows.
    #[must_use]
    #[inline]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Elements of a row.
    #[must_use]
    #[inline]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Elements from one row to the next.
    #[must_use]
    #[inline]
    pub(in crate::gemm) fn row_stride(&self) -> usize {
        self.row_stride
    }

    /// Elements from one column to the next.
    #[must_use]
    #[inline]
    pub(in crate::gemm) fn column_stride(&self) -> usize {
        self.column_stride
    }

    /// The rows as the one region of an output of one line.
    #[inline]
    pub(in crate::gemm) fn region(&self) -> Region {
        let one = Span { start: 0, end: 1 };
        Region { y: one, x: Span { start: 0, end: self.rows }, ky: one, kx: one }
    }

    /// Address of a row's first element. Rows without elements, of which there may be any number, all have one address.
    #[inline]
    pub(in crate::gemm) fn row(&self, row: usize) -> *const u8 {
        // In the data if the row exists and has elements; else nothing is read there.
        self.data.as_ptr().wrapping_add(row.wrapping_mul(self.row_stride))
    }

    /// Calls `each` with the elements of a row, in order, in runs that lie side by side.
    ///
    /// # Panics
    ///
    /// If the row is past the last one.
    #[inline]
    pub(in crate::gemm) fn for_each_run(&self, row: usize, mut each: impl FnMut(&[u8])) {
        if self.columns == 0 {
            return;
        }
        let start = row * self.row_stride;
        if self.column_stride == 1 {
            each(&self.data[start..start + self.columns]);
        } else {
            for column in 0..self.columns {
                let at = start + column * self.column_stride;
                each(&self.data[at..=at]);
            }
        }
    }
}

/// Writes `slots` row pointers: the first row begins at `row`, each `stride` bytes before the next; those past the
/// first `rows` repeat the last one.
///
/// # Safety
///
/// There is at least one row, and `pointers` is valid for `slots` writes.
#[inline]
pub(in crate::gemm) unsafe fn point_rows(
    row: *const u8,
    stride: usize,
    rows: usize,
    slots: usize,
    pointers: *mut *const u8,
) {
    for slot in 0..slots {
        // SAFETY: as the caller promises.
        unsafe { *pointers.add(slot) = row.wrapping_add(slot.min(rows - 1).wrapping_mul(stride)) };
    }
}
