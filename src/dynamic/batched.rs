//! Batches of products of two activations: one call for all heads of an attention.

use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

use eightbit_kernels::gemm::{OutputBatch, PANEL};

use super::batch::{BatchMut, QuantizedBatch};
use super::matrix::{PackedMatrix, check_repeated};
use crate::check::check_size;
#[cfg(feature = "rayon")]
use crate::split::run_rayon;
use crate::split::{Parts, Split, portion};
use crate::{Backend, Element, Error, Fill, Workspace};

/// Products of a batch of matrices with a batch of others, both quantized when the program runs. The second factor of each product is packed
/// by the task that computes it: only the columns that it multiplies, and only once if its strides from matrix to matrix are 0, those of
/// codes, scales and zero points (one key for all queries, for instance).
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
        // A second factor that is that of all is packed once.
        let step = if rhs.is_one_for_all() { out.count().max(1) } else { 1 };
        for first in (0..out.count()).step_by(step) {
            let done = factors.multiply(backend, (&lhs, &rhs), first..first + step, &mut out, workspace);
            done.expect("checked when the call was made");
        }
        workspace.2 = factors;
    }

    /// Splits the call into at most `count` calls of about equal work: of some of the matrices, or, if there are fewer of them than calls,
    /// of some of the columns of one. If all have one second factor, with columns enough for all calls, of some of the columns of all.
    /// Any threads can run them in any order, each with a workspace of its own. The result does not depend on the split. Allocates nothing.
    pub fn tasks(self, count: usize) -> BatchTasks<'a, T> {
        BatchTasks(Parts::new(self, count))
    }

    /// Computes the products on the current rayon pool, split into a part for each workspace.
    ///
    /// # Errors
    ///
    /// If there is no workspace. Nothing is written then.
    #[cfg(feature = "rayon")]
    pub fn run_rayon(self, workspaces: &mut [Workspace]) -> Result<(), Error> {
        run_rayon(self, workspaces, BatchCall::run)
    }
}

impl<T: Element> Split for BatchCall<'_, T> {
    fn split(self, share: usize, parts: usize) -> (Self, usize, Option<Self>) {
        let BatchCall { backend, lhs, rhs, out } = self;
        let call = |out| BatchCall { backend, lhs, rhs, out };
        let (count, panels) = (out.count(), out.columns().div_ceil(PANEL));
        // A part with columns of its own packs no others. Where one second factor is that of all, every part would pack it.
        if count <= 1 || (panels >= parts && rhs.is_one_for_all()) {
            let Some(part) = portion(panels, share, parts) else {
                return (call(out), share, None);
            };
            let (first, rest) = out.split_columns(part * PANEL);
            return (call(first), share, Some(call(rest)));
        }
        let Some(part) = portion(count, share, parts) else { return (call(out), share, None) };
        // If there are more parts than matrices, each matrix has as many of them.
        let share = if parts > count { portion(parts, part, count).unwrap_or(share) } else { share };
        let (first, rest) = out.split(part);
        (call(first), share, Some(call(rest)))
    }
}

/// An iterator over the parts of a batch of products. See [`BatchCall::tasks`].
#[derive(Debug)]
#[must_use = "tasks compute nothing until they are run"]
pub struct BatchTasks<'a, T>(Parts<BatchCall<'a, T>>);

impl<'a, T: Element> Iterator for BatchTasks<'a, T> {
    type Item = BatchCall<'a, T>;

    fn next(&mut self) -> Option<BatchCall<'a, T>> {
        self.0.next()
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

    /// Computes products of `out`, of which all have the second factor of the first.
    fn multiply<T: Element>(
        &mut self,
        backend: Backend,
        (lhs, rhs): (&QuantizedBatch<'_, u8>, &QuantizedBatch<'_, T>),
        products: Range<usize>,
        out: &mut OutputBatch<'_, f32>,
        workspace: &mut Workspace,
    ) -> Result<(), Error> {
        let Factors { packed, scales, zero_points } = self;
        let (number, first_column) = (out.first() + products.start, out.first_column());
        let b = rhs.codes.columns_of(number, first_column..first_column + out.columns())?;
        let bytes = PackedMatrix::bytes(backend, b.rows(), b.columns())?;
        packed.resize(packed.len().max(bytes), 0);
        let scale = |column| *rhs.scales.at(number, first_column + column);
        let zero_point = |column| *rhs.zero_points.at(number, first_column + column);
        let b = PackedMatrix::pack(backend, &b, scale, zero_point, packed)?;
        for at in products {
            let number = out.first() + at;
            let a = lhs.codes.matrix(number)?;
            scales.clear();
            scales.extend((0..a.rows()).map(|row| *lhs.scales.at(number, row)));
            zero_points.clear();
            zero_points.extend((0..a.rows()).map(|row| *lhs.zero_points.at(number, row)));
            b.products(&a, scales, zero_points)?.fill(out.matrix(at), workspace);
        }
        Ok(())
    }

    /// Bytes held.
    pub(crate) fn capacity(&self) -> usize {
        self.packed.capacity()
            + self.scales.capacity() * size_of::<f32>()
            + self.zero_points.capacity() * size_of::<i32>()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;
    use crate::MatRef;
    use crate::dynamic::BatchRef;

    /// Matrices and columns of the tasks of a batch, whose second factors are `stride` elements apart.
    fn split(stride: usize, count: usize, columns: usize, tasks: usize) -> Vec<[usize; 2]> {
        let mut out = vec![0.0; count * columns];
        let codes = vec![1u8; count];
        let factor = |lines, shape| QuantizedBatch {
            codes: BatchRef::with_strides(&codes, count, shape, stride, [0, 0]).expect("they fit"),
            scales: MatRef::with_strides(&[1.0], count, lines, 0, 0).expect("they fit"),
            zero_points: MatRef::with_strides(&[0], count, lines, 0, 0).expect("they fit"),
        };
        let out = BatchMut::new(&mut out, count, [1, columns]).expect("they fit");
        let batched = BatchedGemm::new(Backend::best().expect("a backend"));
        let call = batched.call(factor(1, [1, 1]), factor(columns, [1, columns]), out).expect("they fit");
        call.tasks(tasks).map(|task| [task.out.count(), task.out.columns()]).collect()
    }

    #[test]
    fn tasks_have_equal_work() {
        let tasks = |count, columns, tasks| split(1, count, columns, tasks);
        assert_eq!(tasks(5, 32, 1), [[5, 32]]);
        assert_eq!(tasks(5, 32, 2), [[3, 32], [2, 32]]);
        assert_eq!(tasks(2, 256, 2), [[1, 256]; 2]);
        assert_eq!(tasks(2, 256, 8), [[1, 64]; 8]);
        assert_eq!(tasks(1, 256, 8), [[1, 32]; 8]);
        let thirds = [[1, 32]; 3];
        assert_eq!(tasks(3, 96, 8), [&thirds[..], &thirds, &[[1, 48]; 2]].concat());
        assert_eq!(tasks(2, 16, 8), [[1, 16]; 2], "a panel is not split");
        assert_eq!(tasks(3, 20, usize::MAX), [[1, 16], [1, 4]].repeat(3));
    }

    #[test]
    fn tasks_of_one_second_factor_share_its_columns() {
        let tasks = |count, columns, tasks| split(0, count, columns, tasks);
        assert_eq!(tasks(5, 64, 1), [[5, 64]]);
        assert_eq!(tasks(5, 64, 2), [[5, 32]; 2]);
        assert_eq!(tasks(2, 128, 8), [[2, 16]; 8]);
        assert_eq!(tasks(5, 16, 2), [[3, 16], [2, 16]], "a panel is not split");
    }
}
