//! A call of a plan: run at once, split into tasks for any threads, or run on the rayon pool.

use core::ops::Range;

use alloc::format;
use eightbit_kernels::gemm::OutputBlock;

use crate::fill::Fill;
#[cfg(feature = "rayon")]
use crate::split::run_rayon;
use crate::split::{Parts, Split, portion};
use crate::{Error, OutputElement, Workspace};

/// A plan with operands and an output that fit it: everything is checked, and nothing has been written yet. Every plan makes
/// calls: products, convolutions, pools and element-wise operators.
///
/// `F` is the type that computes the output; it cannot be named outside the crate.
///
/// ```
/// # use eightbit::{Backend, ElementType, Gemm, MatMut, MatRef, PackedWeights, Stage, Workspace};
/// # let weights = [1i8; 64 * 32];
/// # let packed = PackedWeights::pack(Backend::best()?, &MatRef::new(&weights, 64, 32)?, 0)?;
/// # let gemm = Gemm::new(packed, ElementType::U8, 0, None, &Stage::ACCUMULATORS)?;
/// let (lhs, mut out) = ([1u8; 100 * 64], [0i32; 100 * 32]);
/// let call = gemm.call(MatRef::new(&lhs, 100, 64)?, MatMut::new(&mut out, 100, 32)?)?;
/// call.run(&mut Workspace::new());
/// assert_eq!(out, [64; 100 * 32]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "a call computes nothing until it is run"]
pub struct Call<'a, T, F> {
    fill: F,
    out: OutputBlock<'a, T>,
}

impl<'a, T: OutputElement, F: Fill<T>> Call<'a, T, F> {
    #[inline(always)]
    pub(crate) fn new(fill: F, out: OutputBlock<'a, T>) -> Call<'a, T, F> {
        Call { fill, out }
    }

    /// Computes the output on this thread. With a workspace of the size that the plan reports, it allocates nothing; plans
    /// that report no size need no workspace.
    #[inline(always)]
    pub fn run(self, workspace: &mut Workspace) {
        // A part may have no rows.
        if self.out.rows() > 0 {
            self.fill.fill(self.out, workspace);
        }
    }

    /// Restricts the call to some rows of its output; the other rows are not written. A row is a row of a matrix, or a pixel,
    /// counted through the batch; a tensor of an element-wise operator is one row. A convolution reads only the input that these
    /// pixels depend on, so it can follow the producer of its input block by block.
    ///
    /// ```
    /// # use eightbit::{Backend, Conv2d, Conv2dShape, ElementType, MatMut, Stage, Workspace};
    /// let shape = Conv2dShape::new([2, 2], 1, 1, [1, 1]);
    /// let weights = Conv2d::pack(Backend::best()?, &shape, &[3i8], 0)?;
    /// let conv = Conv2d::new(shape, weights, ElementType::U8, 0, None, &Stage::ACCUMULATORS)?;
    /// // The second of two channels, of the last two pixels.
    /// let mut out = [0i32; 8];
    /// let channel = MatMut::with_row_stride(&mut out[1..], 4, 1, 2)?;
    /// conv.call_rows(&[1u8, 2, 3, 4], channel)?.part(2..4)?.run(&mut Workspace::new());
    /// assert_eq!(out, [0, 0, 0, 0, 0, 9, 0, 12]);
    /// # Ok::<(), eightbit::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the output does not have these rows.
    pub fn part(self, rows: Range<usize>) -> Result<Call<'a, T, F>, Error> {
        if rows.start > rows.end || rows.end > self.out.rows() {
            let why =
                format!("rows {}..{} are not within its {} rows", rows.start, rows.end, self.out.rows());
            return Err(Error::Shape { what: "output", why });
        }
        let (upper, _) = self.out.split_rows(rows.end);
        Ok(Call { fill: self.fill, out: upper.split_rows(rows.start).1 })
    }

    /// Splits the call into at most `count` calls of about equal work. Any threads can run them in any order, each with a
    /// workspace of its own. The result does not depend on the split. Allocates nothing.
    ///
    /// ```
    /// use eightbit::{Backend, QuantizedType, Workspace, elementwise::Add};
    /// let halves = QuantizedType::u8(0.5, 0)?;
    /// let add = Add::new(Backend::best()?, halves, halves, QuantizedType::u8(1.0, 0)?)?;
    /// let (a, b, mut out) = (vec![4u8; 100_000], vec![8u8; 100_000], vec![0u8; 100_000]);
    /// let call = add.call(&a, &b, &mut out)?;
    /// std::thread::scope(|scope| {
    ///     for task in call.tasks(4) {
    ///         scope.spawn(move || task.run(&mut Workspace::new()));
    ///     }
    /// });
    /// assert_eq!(out, [6; 100_000]);
    /// # Ok::<(), eightbit::Error>(())
    /// ```
    pub fn tasks(self, count: usize) -> Tasks<'a, T, F> {
        Tasks(Parts::new(self, count))
    }

    /// Computes the output on the current rayon pool, split into a part for each workspace. Allocates nothing.
    ///
    /// # Errors
    ///
    /// If there is no workspace. Nothing is written then.
    #[cfg(feature = "rayon")]
    pub fn run_rayon(self, workspaces: &mut [Workspace]) -> Result<(), Error> {
        run_rayon(self, workspaces, Call::run)
    }
}

impl<T: OutputElement, F: Fill<T>> Split for Call<'_, T, F> {
    fn split(self, share: usize, parts: usize) -> (Self, usize, Option<Self>) {
        // Split rows while every part gets enough of them: each part of a product then reads all weights, which a shared cache
        // holds. Split few rows by columns: each part then reads its own weights.
        let Call { fill, out } = self;
        let grain = fill.grain();
        let few = out.rows().div_ceil(grain.rows) < parts && out.rows() <= out.columns();
        let (by_rows, size, step) = match grain.columns {
            Some(columns) if few => (false, out.columns(), columns),
            _ => (true, out.rows(), grain.rows),
        };
        let Some(part) = portion(size.div_ceil(step), share, parts) else {
            return (Call { fill, out }, share, None);
        };
        let (first, rest) =
            if by_rows { out.split_rows(part * step) } else { out.split_columns(part * step) };
        (Call { fill, out: first }, share, Some(Call { fill, out: rest }))
    }
}

/// An iterator over the parts of a call. See [`Call::tasks`].
#[derive(Debug)]
#[must_use = "tasks compute nothing until they are run"]
pub struct Tasks<'a, T, F>(Parts<Call<'a, T, F>>);

impl<'a, T: OutputElement, F: Fill<T>> Iterator for Tasks<'a, T, F> {
    type Item = Call<'a, T, F>;

    fn next(&mut self) -> Option<Call<'a, T, F>> {
        self.0.next()
    }
}
