//! Rows that were quantized one by one.

use eightbit_kernels::elementwise;
use eightbit_kernels::gemm::OutputBlock;

use crate::check::{check_scales, check_size, check_zero_point};
use crate::fill::{Fill, Grain};
use crate::{Backend, Call, Element, Error, MatMut, MatRef, Workspace};

/// Rows of codes with the scale and zero point of each row, or of each block of a row: element `q` means the real number
/// `(q − zero_point) · scale`.
///
/// ```
/// use eightbit::{Backend, MatMut, Workspace, dynamic::Rows};
/// let rows = Rows::new(&[1u8, 2, 10, 20], 2, 2, 2, &[0.5, 0.1], &[1, 0])?;
/// let mut out = [0.0; 4];
/// rows.dequantize(Backend::best()?, MatMut::new(&mut out, 2, 2)?)?.run(&mut Workspace::new());
/// assert_eq!(out, [0.0, 0.5, 1.0, 2.0]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a, T> {
    codes: &'a [T],
    shape: Shape,
    scales: &'a [f32],
    zero_points: &'a [i32],
}

/// The memory of rows that are to be quantized: `[row][column]` codes, and a scale and a zero point for each block,
/// `[row][block]`. Without blocks, each row is one.
#[derive(Debug)]
pub struct RowsMut<'a, T> {
    /// The codes.
    pub codes: &'a mut [T],
    /// The scales.
    pub scales: &'a mut [f32],
    /// The zero points.
    pub zero_points: &'a mut [i32],
}

/// The sizes of rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// Columns of a block, the last of a row excepted; not 0.
    pub(super) block: usize,
}

impl Shape {
    /// Blocks of a row: one at least.
    pub(super) fn blocks(self) -> usize {
        self.columns.div_ceil(self.block.max(1)).max(1)
    }

    /// Checks the lengths of codes, scales and zero points.
    pub(super) fn check(self, codes: usize, scales: usize, zero_points: usize) -> Result<(), Error> {
        let overflow = || Error::Shape { what: "rows", why: "their elements cannot be counted".into() };
        check_size("number of codes", self.rows.checked_mul(self.columns).ok_or_else(overflow)?, codes)?;
        let blocks = self.rows.checked_mul(self.blocks()).ok_or_else(overflow)?;
        check_size("number of row scales", blocks, scales)?;
        check_size("number of row zero points", blocks, zero_points)
    }
}

impl<'a, T: Element> Rows<'a, T> {
    /// `rows × columns` codes in blocks of `block` columns; as many as `columns` make each row one block.
    ///
    /// # Errors
    ///
    /// If a length is not that of the shape, `block` is 0, a scale is not finite and greater than 0, or a zero point lies outside
    /// the type.
    pub fn new(
        codes: &'a [T],
        rows: usize,
        columns: usize,
        block: usize,
        scales: &'a [f32],
        zero_points: &'a [i32],
    ) -> Result<Rows<'a, T>, Error> {
        check_block(block, columns)?;
        let shape = Shape { rows, columns, block };
        shape.check(codes.len(), scales.len(), zero_points.len())?;
        check_scales("row scale", scales)?;
        zero_points.iter().try_for_each(|&zero| check_zero_point("row zero point", zero, T::TYPE))?;
        Ok(Rows { codes, shape, scales, zero_points })
    }

    /// Rows that this crate quantized.
    pub(super) fn trusted(
        codes: &'a [T],
        shape: Shape,
        scales: &'a [f32],
        zero_points: &'a [i32],
    ) -> Rows<'a, T> {
        Rows { codes, shape, scales, zero_points }
    }

    /// The codes as a matrix.
    ///
    /// # Errors
    ///
    /// None: the shape was checked.
    pub fn codes(&self) -> Result<MatRef<'a, T>, Error> {
        MatRef::new(self.codes, self.shape.rows, self.shape.columns)
    }

    /// Codes of a row.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.shape.columns
    }

    /// The code at (`row`, `column`), for the reference.
    pub(crate) fn code(&self, row: usize, column: usize) -> T {
        self.codes[row * self.shape.columns + column]
    }

    /// The codes as bytes.
    pub(super) fn bytes(&self) -> &'a [u8] {
        T::as_bytes(self.codes)
    }

    /// The scales, `[row][block]`.
    #[must_use]
    pub fn scales(&self) -> &'a [f32] {
        self.scales
    }

    /// The zero points, `[row][block]`.
    #[must_use]
    pub fn zero_points(&self) -> &'a [i32] {
        self.zero_points
    }

    /// Blocks of a row.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.shape.blocks()
    }

    /// The real numbers that the codes mean: `f32(q − zero_point) · scale`.
    ///
    /// # Errors
    ///
    /// If `out` has another shape.
    pub fn dequantize(
        self,
        backend: Backend,
        out: MatMut<'a, f32>,
    ) -> Result<Call<'a, f32, impl Fill<f32>>, Error> {
        check_size("rows of the output", self.shape.rows, out.rows())?;
        check_size("columns of the output", self.shape.columns, out.columns())?;
        Ok(Call::new(Dequantization { backend, rows: self }, out.block()))
    }
}

/// Checks the columns of a block.
pub(super) fn check_block(block: usize, columns: usize) -> Result<(), Error> {
    if block == 0 && columns > 0 {
        let why = "a block has at least one column".into();
        return Err(Error::Shape { what: "rows in blocks", why });
    }
    Ok(())
}

/// Rows with the backend that dequantizes them.
#[derive(Clone, Copy, Debug)]
struct Dequantization<'a, T> {
    backend: Backend,
    rows: Rows<'a, T>,
}

impl<T: Element> Fill<f32> for Dequantization<'_, T> {
    fn grain(&self) -> Grain {
        Grain { rows: 1, columns: None }
    }

    fn fill(&self, mut out: OutputBlock<'_, f32>, _: &mut Workspace) {
        let Rows { codes, shape, scales, zero_points } = self.rows;
        if shape.columns == 0 {
            return;
        }
        let blocks = shape.blocks();
        for row in 0..out.rows() {
            let at = out.first_row() + row;
            let codes = codes[at * shape.columns..][..shape.columns].chunks(shape.block);
            let out = out.row_mut(row).chunks_mut(shape.block);
            for (index, (codes, out)) in codes.zip(out).enumerate() {
                let (scale, zero) = (scales[at * blocks + index], zero_points[at * blocks + index]);
                elementwise::dequantize(self.backend, codes, zero, scale, out);
            }
        }
    }
}
