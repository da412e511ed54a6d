//! Matrix views: shape and strides, checked once.

use crate::{Element, Error, OutputElement};

/// A read-only matrix: `rows × columns` elements of a slice with any strides (exchanged strides transpose a matrix; a stride
/// of 0 repeats elements).
#[derive(Clone, Copy, Debug)]
pub struct MatRef<'a, T> {
    data: &'a [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a, T> MatRef<'a, T> {
    /// A contiguous row-major matrix.
    ///
    /// # Errors
    ///
    /// [`Error::TooShort`] if `data` has fewer than `rows · columns` elements, [`Error::Shape`] if that overflows.
    ///
    /// ```
    /// let m = eightbit::MatRef::new(&[1u8, 2, 3, 4, 5, 6], 2, 3)?;
    /// assert_eq!(m.get(1, 0), Some(&4));
    /// # Ok::<(), eightbit::Error>(())
    /// ```
    pub fn new(data: &'a [T], rows: usize, columns: usize) -> Result<MatRef<'a, T>, Error> {
        Self::with_strides(data, rows, columns, columns, 1)
    }

    /// A matrix whose element (`r`, `c`) is `data[r · row_stride + c · column_stride]`.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_strides(
        data: &'a [T],
        rows: usize,
        columns: usize,
        row_stride: usize,
        column_stride: usize,
    ) -> Result<MatRef<'a, T>, Error> {
        let needed =
            extent([(rows, row_stride), (columns, column_stride)]).ok_or_else(|| overflow("matrix"))?;
        if needed > data.len() {
            return Err(Error::TooShort { what: "matrix", needed, found: data.len() });
        }
        Ok(MatRef { data, rows, columns, row_stride, column_stride })
    }

    /// The same elements with rows and columns exchanged.
    #[must_use]
    pub fn transposed(self) -> MatRef<'a, T> {
        MatRef {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The element at (`row`, `column`), if it exists.
    #[must_use]
    pub fn get(&self, row: usize, column: usize) -> Option<&'a T> {
        if row < self.rows && column < self.columns {
            self.data.get(row * self.row_stride + column * self.column_stride)
        } else {
            None
        }
    }

    /// Whether the matrix has more elements than its slice: some are repeated.
    pub(crate) fn repeats(&self) -> bool {
        self.rows * self.columns > self.data.len()
    }

    /// The slice.
    pub(crate) fn elements(&self) -> &'a [T] {
        self.data
    }

    /// Whether all rows are the same one.
    pub(crate) fn is_one_row(&self) -> bool {
        self.row_stride == 0
    }

    pub(crate) fn at(&self, row: usize, column: usize) -> &'a T {
        &self.data[row * self.row_stride + column * self.column_stride]
    }
}

impl<'a> MatRef<'a, f32> {
    /// Whether the elements of each row follow each other.
    pub(crate) fn has_contiguous_rows(&self) -> bool {
        self.column_stride == 1 || self.columns <= 1
    }

    /// A row of a matrix [whose rows are contiguous](Self::has_contiguous_rows).
    pub(crate) fn contiguous_row(&self, row: usize) -> &'a [f32] {
        &self.data[row * self.row_stride..][..self.columns]
    }
}

impl<'a, T: Element> MatRef<'a, T> {
    /// The matrix in the kernels' form.
    #[inline(always)]
    pub(crate) fn lhs(&self) -> Result<eightbit_kernels::gemm::MatrixRows<'a>, Error> {
        let data = T::as_bytes(self.data);
        let Self { rows, columns, row_stride, column_stride, .. } = *self;
        let matrix = eightbit_kernels::gemm::MatrixRows::new(data, rows, columns, row_stride, column_stride);
        matrix.ok_or_else(|| overflow("matrix"))
    }

    /// The matrix as weights of `bits` bits whose depth is `segments` times `segment_len`, with sums for each of `taps` parts of it.
    pub(crate) fn weights(
        &self,
        [segments, segment_len]: [usize; 2],
        taps: usize,
        bits: u32,
    ) -> eightbit_kernels::gemm::WeightView<'a> {
        eightbit_kernels::gemm::WeightView {
            data: T::as_bytes(self.data),
            signed: T::SIGNED,
            bits,
            columns: self.columns,
            segments,
            segment_len,
            taps,
            depth_stride: self.row_stride,
            column_stride: self.column_stride,
        }
    }
}

/// An output matrix: row-major, unit column stride, any row stride that keeps rows disjoint.
#[derive(Debug)]
pub struct MatMut<'a, T> {
    data: &'a mut [T],
    rows: usize,
    columns: usize,
    row_stride: usize,
}

impl<'a, T: OutputElement> MatMut<'a, T> {
    /// A contiguous row-major matrix.
    ///
    /// # Errors
    ///
    /// As [`MatRef::new`].
    pub fn new(data: &'a mut [T], rows: usize, columns: usize) -> Result<MatMut<'a, T>, Error> {
        Self::with_row_stride(data, rows, columns, columns)
    }

    /// A matrix whose element (`r`, `c`) is `data[r · row_stride + c]`.
    ///
    /// # Errors
    ///
    /// As [`MatRef::new`], and [`Error::Overlap`] if rows overlap.
    pub fn with_row_stride(
        data: &'a mut [T],
        rows: usize,
        columns: usize,
        row_stride: usize,
    ) -> Result<MatMut<'a, T>, Error> {
        if rows > 1 && row_stride < columns {
            return Err(Error::Overlap { what: "the output matrix", row_stride, columns });
        }
        let needed = extent([(rows, row_stride), (columns, 1)]).ok_or_else(|| overflow("output matrix"))?;
        if needed > data.len() {
            return Err(Error::TooShort { what: "output matrix", needed, found: data.len() });
        }
        Ok(MatMut { data, rows, columns, row_stride })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.columns
    }

    #[inline]
    pub(crate) fn block(self) -> eightbit_kernels::gemm::OutputBlock<'a, T> {
        eightbit_kernels::gemm::OutputBlock::new(self.data, self.rows, self.columns, self.row_stride)
    }
}

/// Elements that sides of a length and a stride span; `None` on overflow.
#[inline]
pub(crate) fn extent<const N: usize>(sides: [(usize, usize); N]) -> Option<usize> {
    // The count itself must not overflow either: callers multiply it by element sizes.
    let elements = sides.iter().try_fold(1usize, |elements, &(len, _)| elements.checked_mul(len))?;
    isize::try_from(elements).ok()?;
    if elements == 0 {
        return Some(0);
    }
    sides
        .iter()
        .try_fold(1usize, |spanned, &(len, stride)| spanned.checked_add((len - 1).checked_mul(stride)?))
}

#[cold]
pub(crate) fn overflow(what: &'static str) -> Error {
    Error::Shape { what, why: "the number of elements overflows".into() }
}
