//! Batches of products of two activations: one call for all heads of an attention.

use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

use eightbit_kernels::gemm::{OutputBatch, OutputBlock, PANEL};

use super::batch::{BatchMut, QuantizedBatch};
use super::matrix::{PackedMatrix, check_repeated};
use crate::check::check_size;
use crate::{Backend, Element, Error, Fill, Workspace};

/// Products of a batch of matrices with a batch of others, both quantized when the program runs. The second factor of each product is packed
/// by the task that computes it.
///
/// ```
/// use eightbit::{Backend, MatRef, Workspace};
/// use eightbit::dynamic::{BatchMut, BatchRef, BatchedGemm, QuantizedBatch};
/// // Queries and keys of two heads: [token][head][channel], two tokens, three channels.
/// let (q, k) = ([1u8, 2, 3, 4, 5, 6, 7, 8, 9, 1, 1, 1], [1i8, 0, 0, 0, 1, 0, -1, 0, 1, 2, 2, 2]);
/// let (scales, zero_points) = (MatRef::with_strides(&[0.5], 2, 2, 0, 0)?, MatRef::with_strides(&[0], 2, 2, 0, 0)?);
/// let queries = BatchRef::with_strides(&q, 2, [2, 3], 3, [6, 1])?;
/// let keys = BatchRef::with_strides(&k, 2, [2, 3], 3, [6, 1])?.transposed();
/// let mut out = [0.0; 8];
/// BatchedGemm::new(Backend::best()?).call(
///     QuantizedBatch { codes: queries, scales, zero_points },
///     QuantizedBatch { codes: keys, scales, zero_points },
///     BatchMut::new(&mut out, 2, [2, 2])?,
/// )?.run(&mut Workspace::new());
/// assert_eq!(out, [0.25, 0.5, 1.75, 0.5, 1.25, 7.5, 0.25, 1.5]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BatchedGemm {
    backend: Backend,
}

impl BatchedGemm {
    /// Products on a backend.
    #[must_use]
    pub fn new(backend: Backend) -> BatchedGemm {
        BatchedGemm { backend }
    }

    /// The products of each matrix of `lhs`, `m × k`, with that of `rhs`, `k × n`:
    /// `out[i][m][n] = (f32(Σ_k (a[i][m][k] − a_zero[i][m]) · (b[i][k][n] − b_zero[i][n])) · b_scale[i][n]) · a_scale[i][m]`.
    ///
    /// # Errors
    ///
    /// If numbers of matrices or their shapes do not fit each other, a scale is not finite and greater than 0, a zero point lies outside its
    /// type, or a matrix of `rhs` has more than 2²⁴ elements of which some are repeated.
    pub fn call<'a, T: Element>(
        &self,
        lhs: QuantizedBatch<'a, u8>,
        rhs: QuantizedBatch<'a, T>,
        out: BatchMut<'a, f32>,
    ) -> Result<BatchCall<'a, T>, Error> {
        let out = out.batch();
        check_size("matrices of the second factor", lhs.codes.count(), rhs.codes.count())?;
        check_size("matrices of the output", lhs.codes.count(), out.count())?;
        check_size("rows of the second factor", lhs.codes.columns(), rhs.codes.rows())?;
        check_size("rows of the output", lhs.codes.rows(), out.rows())?;
        check_size("columns of the output", rhs.codes.columns(), out.columns())?;
        lhs.check_shapes(out.rows())?;
        rhs.check_shapes(out.columns())?;
        // With elements, an output has as many as there are scales: none are repeated without end.
        if out.count() > 0 && out.rows() > 0 && out.columns() > 0 {
            lhs.check_values()?;
            rhs.check_values()?;
            check_repeated(&rhs.codes.matrix(0)?)?;
            PackedMatrix::bytes(self.backend, rhs.codes.rows(), rhs.codes.columns())?;
        }
        Ok(BatchCall { backend: self.backend, lhs, rhs, out })
    }
}

/// Products that fit their output: run at once, or split into tasks for any threads.
#[derive(Debug)]
#[must_use = "a call computes nothing until it is run"]
pub struct BatchCall<'a, T> {
    backend: Backend,
    lhs: QuantizedBatch<'a, u8>,
    rhs: QuantizedBatch<'a, T>,
    out: OutputBatch<'a, f32>,
}

impl<'a, T: Element> BatchCall<'a, T> {
    /// Computes the products on this thread. Allocates nothing if the workspace has computed such products before.
    pub fn run(self, workspace: &mut Workspace) {
        let BatchCall { backend, lhs, rhs, mut out } = self;
        if out.rows() == 0 || out.columns() == 0 {
            return;
        }
        // The products use the workspace meanwhile.
        let mut factors = mem::take(&mut workspace.2);
        for at in 0..out.count() {
            let (number, columns) =
                (out.first() + at, out.first_column()..out.first_column() + out.columns());
            let product = factors.multiply(backend, (&lhs, &rhs), number, columns, out.matrix(at), workspace);
            product.expect("checked when the call was made");
        }
        workspace.2 = factors;
    }

    /// Splits the call into at most `count` calls of about equal work: of some of the matrices, or if there are fewer of them, of some of
    /// the columns. Any threads can run them in any order, each with a workspace of its own. The result does not depend on the
    /// split. Allocates nothing.
    pub fn tasks(self, count: usize) -> BatchTasks<'a, T> {
        BatchTasks { rest: Some(self), left: count.max(1) }
    }

    /// Computes the products on the current rayon pool, split into a part for each workspace.
    ///
    /// # Errors
    ///
    /// If there is no workspace. Nothing is written then.
    #[cfg(feature = "rayon")]
    pub fn run_rayon(self, workspaces: &mut [Workspace]) -> Result<(), Error> {
        if workspaces.is_empty() {
            let why = "at least one workspace is needed, one for each part that runs in parallel".into();
            return Err(Error::Shape { what: "parallel call", why });
        }
        self.join(workspaces);
        Ok(())
    }

    #[cfg(feature = "rayon")]
    fn join(self, workspaces: &mut [Workspace]) {
        let parts = workspaces.len();
        match self.split(parts / 2, parts) {
            (whole, None) => {
                if let Some(workspace) = workspaces.first_mut() {
                    whole.run(workspace);
                }
            }
            (first, Some(rest)) => {
                let (one, other) = workspaces.split_at_mut(parts / 2);
                rayon::join(|| first.join(one), || rest.join(other));
            }
        }
    }

    /// Splits off `share / parts` of the call, if that leaves something on both sides.
    fn split(self, share: usize, parts: usize) -> (BatchCall<'a, T>, Option<BatchCall<'a, T>>) {
        let BatchCall { backend, lhs, rhs, out } = self;
        // A part with columns of its own packs no others.
        let (size, step) = if out.count() > 1 { (out.count(), 1) } else { (out.columns(), PANEL) };
        // In 128 bits, so that no size overflows.
        let part = (size.div_ceil(step) as u128 * share as u128).div_ceil(parts.max(1) as u128) as usize;
        if parts <= 1 || part == 0 || part * step >= size {
            return (BatchCall { backend, lhs, rhs, out }, None);
        }
        let (first, rest) = if out.count() > 1 { out.split(part) } else { out.split_columns(part * step) };
        let call = |out| BatchCall { backend, lhs, rhs, out };
        (call(first), Some(call(rest)))
    }
}

/// An iterator over the parts of a batch of products. See [`BatchCall::tasks`].
#[derive(Debug)]
#[must_use = "tasks compute nothing until they are run"]
pub struct BatchTasks<'a, T> {
    rest: Option<BatchCall<'a, T>>,
    left: usize,
}

impl<'a, T: Element> Iterator for BatchTasks<'a, T> {
    type Item = BatchCall<'a, T>;

    fn next(&mut self) -> Option<BatchCall<'a, T>> {
        let (first, rest) = self.rest.take()?.split(1, self.left);
        if rest.is_some() {
            self.left -= 1;
        }
        self.rest = rest;
        Some(first)
    }
}

/// The factors of a product, in the memory of a workspace.
#[derive(Debug, Default)]
pub(crate) struct Factors {
    packed: Vec<u8>,
    scales: Vec<f32>,
    zero_points: Vec<i32>,
}

impl Factors {
    /// None; allocates nothing.
    pub(crate) const NONE: Factors =
        Factors { packed: Vec::new(), scales: Vec::new(), zero_points: Vec::new() };

    /// Computes the columns of a product in `out`.
    fn multiply<T: Element>(
        &mut self,
        backend: Backend,
        (lhs, rhs): (&QuantizedBatch<'_, u8>, &QuantizedBatch<'_, T>),
        number: usize,
        columns: Range<usize>,
        out: OutputBlock<'_, f32>,
        workspace: &mut Workspace,
    ) -> Result<(), Error> {
        let Factors { packed, scales, zero_points } = self;
        let (a, b) = (lhs.codes.matrix(number)?, rhs.codes.columns_of(number, columns.clone())?);
        scales.clear();
        scales.extend((0..a.rows()).map(|row| *lhs.scales.at(number, row)));
        zero_points.clear();
        zero_points.extend((0..a.rows()).map(|row| *lhs.zero_points.at(number, row)));
        let bytes = PackedMatrix::bytes(backend, b.rows(), b.columns())?;
        packed.resize(packed.len().max(bytes), 0);
        let scale = |column| *rhs.scales.at(number, columns.start + column);
        let zero_point = |column| *rhs.zero_points.at(number, columns.start + column);
        let b = PackedMatrix::pack(backend, &b, scale, zero_point, packed)?;
        b.products(&a, scales, zero_points)?.fill(out, workspace);
        Ok(())
    }

    /// Bytes held.
    pub(crate) fn capacity(&self) -> usize {
        self.packed.capacity()
            + self.scales.capacity() * size_of::<f32>()
            + self.zero_points.capacity() * size_of::<i32>()
    }
}
