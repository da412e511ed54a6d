//! Batches of matrices: shape and strides, checked once.

use alloc::boxed::Box;
use alloc::format;
use core::ops::Range;

use eightbit_kernels::gemm::OutputBatch;

use crate::check::{check_scale, check_size, check_zero_point};
use crate::matrix::{extent, overflow};
use crate::{Element, Error, MatRef, OutputElement};

/// A read-only batch of matrices: `count` of `rows × columns` elements of a slice, with any strides.
///
/// The heads of `[token][head][channel]` lie side by side: their stride is the number of channels, that of their rows the channels of all heads.
///
/// ```
/// use eightbit::dynamic::BatchRef;
/// // Two tokens of two heads of three channels.
/// let heads = BatchRef::with_strides(&[1u8, 2, 3, 10, 20, 30, 4, 5, 6, 40, 50, 60], 2, [2, 3], 3, [6, 1])?;
/// assert_eq!(heads.matrix(1)?.get(0, 2), Some(&30));
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BatchRef<'a, T> {
    data: &'a [T],
    count: usize,
    shape: [usize; 2],
    stride: usize,
    strides: [usize; 2],
}

impl<'a, T> BatchRef<'a, T> {
    /// Row-major matrices without gaps, one after the other.
    ///
    /// # Errors
    ///
    /// As [`with_strides`](Self::with_strides).
    pub fn new(data: &'a [T], count: usize, [rows, columns]: [usize; 2]) -> Result<BatchRef<'a, T>, Error> {
        let stride = rows.checked_mul(columns).ok_or_else(|| overflow("batch"))?;
        Self::with_strides(data, count, [rows, columns], stride, [columns, 1])
    }

    /// Matrices of `[rows, columns]` whose element (`r`, `c`) of number `i` is
    /// `data[i · stride + r · strides[0] + c · strides[1]]`. A stride of 0 repeats elements.
    ///
    /// # Errors
    ///
    /// [`Error::TooShort`] if such an element is not in `data`, [`Error::Shape`] if their number overflows.
    pub fn with_strides(
        data: &'a [T],
        count: usize,
        shape: [usize; 2],
        stride: usize,
        strides: [usize; 2],
    ) -> Result<BatchRef<'a, T>, Error> {
        let [rows, columns] = shape;
        let sides = [(rows, strides[0]), (columns, strides[1]), (count, stride)];
        let needed = extent(sides).ok_or_else(|| overflow("batch"))?;
        if needed > data.len() {
            return Err(Error::TooShort { what: "batch", needed, found: data.len() });
        }
        Ok(BatchRef { data, count, shape, stride, strides })
    }

    /// The same with the rows and columns of every matrix exchanged.
    #[must_use]
    pub fn transposed(self) -> BatchRef<'a, T> {
        let ([rows, columns], [down, across]) = (self.shape, self.strides);
        BatchRef { shape: [columns, rows], strides: [across, down], ..self }
    }

    /// Number of matrices.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Rows of a matrix.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.shape[0]
    }

    /// Columns of a matrix.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.shape[1]
    }

    /// Matrix number `index`.
    ///
    /// # Errors
    ///
    /// If there is no such matrix.
    pub fn matrix(&self, index: usize) -> Result<MatRef<'a, T>, Error> {
        self.part(index, 0..self.rows(), 0..self.columns())
    }

    /// Rows and columns of matrix number `index`, of those that there are.
    pub(super) fn part(
        &self,
        index: usize,
        rows: Range<usize>,
        columns: Range<usize>,
    ) -> Result<MatRef<'a, T>, Error> {
        if index >= self.count {
            let high = self.count as i64 - 1;
            return Err(Error::OutOfRange { what: "number of a matrix", low: 0, high, found: index as i64 });
        }
        let [down, across] = self.strides;
        // A matrix without elements need not begin in the data.
        let first = if rows.is_empty() || columns.is_empty() {
            self.data.len()
        } else {
            index * self.stride + rows.start * down + columns.start * across
        };
        MatRef::with_strides(&self.data[first..], rows.len(), columns.len(), down, across)
    }

    /// Whether all matrices are the same one.
    pub(super) fn is_one_for_all(&self) -> bool {
        self.stride == 0
    }
}

/// Matrices to be written: `count` of `rows × columns` elements of a slice, row-major, one after the other or side by side.
#[derive(Debug)]
pub struct BatchMut<'a, T>(OutputBatch<'a, T>);

impl<'a, T: OutputElement> BatchMut<'a, T> {
    /// Row-major matrices without gaps, one after the other.
    ///
    /// # Errors
    ///
    /// As [`with_strides`](Self::with_strides).
    pub fn new(
        data: &'a mut [T],
        count: usize,
        [rows, columns]: [usize; 2],
    ) -> Result<BatchMut<'a, T>, Error> {
        let stride = rows.checked_mul(columns).ok_or_else(|| overflow("batch"))?;
        Self::with_strides(data, count, [rows, columns], stride, columns)
    }

    /// Matrices of `[rows, columns]` whose element (`r`, `c`) of number `i` is `data[i · stride + r · row_stride + c]`.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] if rows overlap, an element is not in `data`, or their number overflows. The matrices lie one after the other, or
    /// between the rows of one there is place for those of all others.
    pub fn with_strides(
        data: &'a mut [T],
        count: usize,
        [rows, columns]: [usize; 2],
        stride: usize,
        row_stride: usize,
    ) -> Result<BatchMut<'a, T>, Error> {
        let elements = rows.checked_mul(columns).and_then(|one| one.checked_mul(count));
        let found = data.len();
        let batch = elements.and_then(|_| OutputBatch::new(data, count, [rows, columns], stride, row_stride));
        let batch = batch.ok_or_else(|| {
            let why = format!(
                "{count} matrices of {rows} × {columns} with strides of {stride} and {row_stride} overlap, or do not fit into \
                 {found} elements"
            );
            Error::Shape { what: "output batch", why }
        })?;
        Ok(BatchMut(batch))
    }

    pub(super) fn batch(self) -> OutputBatch<'a, T> {
        self.0
    }
}

/// A batch of matrices of codes with what they mean: code `q` is the real number `(q − zero_point) · scale`.
#[derive(Clone, Copy, Debug)]
pub struct QuantizedBatch<'a, T> {
    /// The codes.
    pub codes: BatchRef<'a, T>,
    /// A matrix with a row for each matrix, and a scale for each of its rows if it is a first factor, for each of its columns if it is
    /// a second one. Strides of 0 give all the same.
    pub scales: MatRef<'a, f32>,
    /// The zero points, likewise.
    pub zero_points: MatRef<'a, i32>,
}

impl<T: Element> QuantizedBatch<'_, T> {
    /// Checks the shapes of scales and zero points for `lines` rows or columns.
    pub(super) fn check_shapes(&self, lines: usize) -> Result<(), Error> {
        check_size("scales of a batch", self.codes.count(), self.scales.rows())?;
        check_size("scales of a matrix", lines, self.scales.columns())?;
        check_size("zero points of a batch", self.codes.count(), self.zero_points.rows())?;
        check_size("zero points of a matrix", lines, self.zero_points.columns())
    }

    /// Whether all matrices are the same one, with the same scales and zero points.
    pub(super) fn is_one_for_all(&self) -> bool {
        self.codes.is_one_for_all() && self.scales.is_one_row() && self.zero_points.is_one_row()
    }

    /// Checks the values of scales and zero points. Strides of 0 make this long: there is memory of that size elsewhere.
    pub(super) fn check_values(&self) -> Result<(), Error> {
        for matrix in 0..self.scales.rows() {
            for line in 0..self.scales.columns() {
                let zero_point = *self.zero_points.at(matrix, line);
                check_scale("scale", *self.scales.at(matrix, line), Some(line))
                    .and_then(|()| check_zero_point("zero point", zero_point, T::TYPE))
                    .map_err(|error| Error::OfMatrix { matrix, error: Box::new(error) })?;
            }
        }
        Ok(())
    }
}

/// A batch of matrices of codes that have one zero point.
#[derive(Clone, Copy, Debug)]
pub struct UniformBatch<'a, T> {
    /// The codes.
    pub codes: BatchRef<'a, T>,
    /// The zero point of all of them.
    pub zero_point: i32,
}
