//! The quantization of rows over their own ranges.

use core::ops::Range;

use eightbit_kernels::elementwise::{Spread, Steps, quantize_range};

use super::rows::{RowsMut, Shape, check_block};
use crate::split::{Parts, Split, portion};
use crate::{Backend, Element, Error, MatRef};

/// Quantizes each row of an `f32` matrix over its own range, or each block of its columns.
///
/// ```
/// use eightbit::{Backend, MatRef, dynamic::{QuantizeRows, RowsMut, Spread}};
/// let x = MatRef::new(&[0.0f32, 1.0, 2.55, -1.27, 0.5, 1.28], 2, 3)?;
/// let (mut codes, mut scales, mut zero_points) = ([0u8; 6], [0.0; 2], [0; 2]);
/// let out = RowsMut { codes: &mut codes, scales: &mut scales, zero_points: &mut zero_points };
/// QuantizeRows::new(Backend::best()?, Spread::Range).call(x, out)?.run()?;
/// assert_eq!(codes, [0, 100, 255, 0, 177, 255]);
/// assert_eq!((scales, zero_points), ([0.01, 0.01], [0, 127]));
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct QuantizeRows {
    backend: Backend,
    spread: Spread,
    block: usize,
}

impl QuantizeRows {
    /// Plans the quantization of whole rows.
    #[must_use]
    pub fn new(backend: Backend, spread: Spread) -> QuantizeRows {
        QuantizeRows { backend, spread, block: usize::MAX }
    }

    /// The same, in blocks of `columns` columns; the last block of a row may have fewer.
    ///
    /// # Errors
    ///
    /// If `columns` is 0.
    pub fn in_blocks(self, columns: usize) -> Result<QuantizeRows, Error> {
        check_block(columns, 1)?;
        Ok(QuantizeRows { block: columns, ..self })
    }

    /// How codes are laid over a range.
    #[must_use]
    pub fn spread(&self) -> Spread {
        self.spread
    }

    /// The sizes of what it makes of `x`.
    pub(super) fn shape(&self, x: &MatRef<'_, f32>) -> Shape {
        Shape { rows: x.rows(), columns: x.columns(), block: self.block.min(x.columns().max(1)) }
    }

    /// The quantization of `x`, whose rows must be contiguous, to `out`, to `u8` or `i8`.
    ///
    /// # Errors
    ///
    /// If elements of a row do not follow each other, or a length of `out` is not that of the shape.
    pub fn call<'a, T: Element>(
        &self,
        x: MatRef<'a, f32>,
        out: RowsMut<'a, T>,
    ) -> Result<RowsCall<'a, T>, Error> {
        let shape = self.shape(&x);
        shape.check(out.codes.len(), out.scales.len(), out.zero_points.len())?;
        self.check(&x)?;
        Ok(RowsCall { plan: *self, shape, x, rows: 0..shape.rows, out })
    }

    /// An error if elements of a row do not follow each other.
    pub(super) fn check(&self, x: &MatRef<'_, f32>) -> Result<(), Error> {
        if x.has_contiguous_rows() {
            return Ok(());
        }
        let why = "elements of a row must follow each other: copy the matrix".into();
        Err(Error::Shape { what: "rows to quantize", why })
    }
}

/// A quantization of rows that fits its memory: run at once, or split into tasks for any threads. Other than a
/// [`Call`](crate::Call), it can fail: only when it runs is it known whether the numbers are finite.
#[derive(Debug)]
#[must_use = "a call computes nothing until it is run"]
pub struct RowsCall<'a, T> {
    plan: QuantizeRows,
    shape: Shape,
    x: MatRef<'a, f32>,
    /// The rows of `x` that are quantized, whose memory is all of `out`.
    rows: Range<usize>,
    out: RowsMut<'a, T>,
}

impl<'a, T: Element> RowsCall<'a, T> {
    /// Quantizes the rows on this thread. Allocates nothing.
    ///
    /// # Errors
    ///
    /// [`Error::NotQuantizable`] names the first row with a number or a range that is not finite. The rows before it are quantized.
    pub fn run(self) -> Result<(), Error> {
        let RowsCall { plan: QuantizeRows { backend, spread, .. }, shape, x, rows, out } = self;
        let mut steps = out.scales.iter_mut().zip(out.zero_points);
        if shape.columns == 0 {
            let (lowest, _) = T::TYPE.integer_range();
            if let Some(Steps { scale: one, zero: code }) = spread.steps(0.0, 0.0, lowest) {
                steps.for_each(|(scale, zero)| (*scale, *zero) = (one, code));
            }
            return Ok(());
        }
        for (row, codes) in rows.zip(out.codes.chunks_mut(shape.columns)) {
            let blocks = x.contiguous_row(row).chunks(shape.block).zip(codes.chunks_mut(shape.block));
            for ((x, codes), (scale, zero)) in blocks.zip(&mut steps) {
                let found = quantize_range(backend, spread, x, codes);
                let Some(Steps { scale: found, zero: code }) = found else {
                    // Either a number is at fault, or the width of the range.
                    let found = x.iter().copied().find(|x| !x.is_finite()).unwrap_or(f32::INFINITY);
                    return Err(Error::NotQuantizable { row, found });
                };
                (*scale, *zero) = (found, code);
            }
        }
        Ok(())
    }

    /// Splits the call into at most `count` calls of about as many rows. Any threads can run them in any order; codes, scales and
    /// zero points do not depend on the split. Allocates nothing.
    pub fn tasks(self, count: usize) -> RowsTasks<'a, T> {
        RowsTasks(Parts::new(self, count))
    }

    /// Quantizes the rows on the current rayon pool, in as many as `parts` parts.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    #[cfg(feature = "rayon")]
    pub fn run_rayon(self, parts: usize) -> Result<(), Error> {
        match self.split(parts / 2, parts) {
            (whole, _, None) => whole.run(),
            (first, share, Some(rest)) => {
                let (one, other) = rayon::join(|| first.run_rayon(share), || rest.run_rayon(parts - share));
                one.and(other)
            }
        }
    }
}

impl<T: Element> Split for RowsCall<'_, T> {
    fn split(self, share: usize, parts: usize) -> (Self, usize, Option<Self>) {
        let Some(part) = portion(self.rows.len(), share, parts) else { return (self, share, None) };
        let RowsCall { plan, shape, x, rows, out } = self;
        let (codes, other_codes) = out.codes.split_at_mut(part * shape.columns);
        let (scales, other_scales) = out.scales.split_at_mut(part * shape.blocks());
        let (zeros, other_zeros) = out.zero_points.split_at_mut(part * shape.blocks());
        let middle = rows.start + part;
        let first = RowsMut { codes, scales, zero_points: zeros };
        let rest = RowsMut { codes: other_codes, scales: other_scales, zero_points: other_zeros };
        let part = |rows, out| RowsCall { plan, shape, x, rows, out };
        (part(rows.start..middle, first), share, Some(part(middle..rows.end, rest)))
    }
}

/// An iterator over the parts of a quantization of rows. See [`RowsCall::tasks`].
#[derive(Debug)]
#[must_use = "tasks compute nothing until they are run"]
pub struct RowsTasks<'a, T>(Parts<RowsCall<'a, T>>);

impl<'a, T: Element> Iterator for RowsTasks<'a, T> {
    type Item = RowsCall<'a, T>;

    fn next(&mut self) -> Option<RowsCall<'a, T>> {
        self.0.next()
    }
}
