//! A batch of products: run at once, split into tasks for any threads, or run on the rayon pool.

use core::ops::Range;

use eightbit_kernels::gemm::{OutputBatch, PANEL};

#[cfg(feature = "rayon")]
use crate::Error;
use crate::fill::TILE_ROWS;
#[cfg(feature = "rayon")]
use crate::split::run_rayon;
use crate::split::{Parts, Split, portion, portion_down};
use crate::{OutputElement, Workspace};

/// Factors that fit the output of a [`BatchCall`]: they fill any part of it. It is the bound of functions that take any such call; only
/// the plans of this crate implement it.
pub trait FillBatch<T>: Copy + Send + Sync {
    /// Whether one second factor is that of all products.
    #[doc(hidden)]
    fn is_one_for_all(&self) -> bool;

    /// Computes products of `out`, of which all have the second factor of the first.
    #[doc(hidden)]
    fn fill(&self, products: Range<usize>, out: &mut OutputBatch<'_, T>, workspace: &mut Workspace);
}

/// Rows of which a part has this many take much longer than to pack the second factor for them again.
const MANY_ROWS: usize = 8 * TILE_ROWS;

/// Products that fit their output: run at once, or split into tasks for any threads.
///
/// `F` is the type that computes the output; it cannot be named outside the crate.
#[derive(Debug)]
#[must_use = "a call computes nothing until it is run"]
pub struct BatchCall<'a, T, F> {
    fill: F,
    out: OutputBatch<'a, T>,
}

impl<'a, T: OutputElement, F: FillBatch<T>> BatchCall<'a, T, F> {
    pub(super) fn new(fill: F, out: OutputBatch<'a, T>) -> BatchCall<'a, T, F> {
        BatchCall { fill, out }
    }

    /// Computes the products on this thread. Allocates nothing if the workspace has computed such products before.
    pub fn run(self, workspace: &mut Workspace) {
        let BatchCall { fill, mut out } = self;
        if out.rows() == 0 || out.columns() == 0 {
            return;
        }
        // A second factor that is that of all is packed once.
        let step = if fill.is_one_for_all() { out.count().max(1) } else { 1 };
        for first in (0..out.count()).step_by(step) {
            fill.fill(first..first + step, &mut out, workspace);
        }
    }

    /// Splits the call into at most `count` calls of about equal work: of some of the matrices, or, if there are fewer of them than calls,
    /// of some of the columns of one, or of its rows, if it has many rows and few columns. If all have one second factor, with columns enough
    /// for all calls, of some of the columns of all. Any threads can run them in any order, each with a workspace of its own. The result
    /// does not depend on the split. Allocates nothing.
    pub fn tasks(self, count: usize) -> BatchTasks<'a, T, F> {
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

impl<T: OutputElement, F: FillBatch<T>> Split for BatchCall<'_, T, F> {
    fn split(self, share: usize, parts: usize) -> (Self, usize, Option<Self>) {
        let BatchCall { fill, out } = self;
        let call = |out| BatchCall { fill, out };
        let (count, panels) = (out.count(), out.columns().div_ceil(PANEL));
        if count <= 1 && panels < parts && out.rows() / parts >= MANY_ROWS {
            // Rounded up, a part would leave too few rows for as many others.
            let tiles = out.rows() / TILE_ROWS;
            let Some(part) = portion_down(tiles, share, parts) else { return (call(out), share, None) };
            let (first, rest) = out.split_rows(part * TILE_ROWS);
            return (call(first), share, Some(call(rest)));
        }
        // A part with columns of its own packs no others. Where one second factor is that of all, every part would pack it.
        if count <= 1 || (panels >= parts && fill.is_one_for_all()) {
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
pub struct BatchTasks<'a, T, F>(Parts<BatchCall<'a, T, F>>);

impl<'a, T: OutputElement, F: FillBatch<T>> Iterator for BatchTasks<'a, T, F> {
    type Item = BatchCall<'a, T, F>;

    fn next(&mut self) -> Option<BatchCall<'a, T, F>> {
        self.0.next()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use crate::dynamic::{BatchMut, BatchRef, BatchedGemm, QuantizedBatch};
    use crate::{Backend, MatRef};

    /// Matrices, rows and columns of the tasks of a batch, whose second factors are `stride` elements apart.
    fn split_matrices(
        stride: usize,
        count: usize,
        [rows, columns]: [usize; 2],
        tasks: usize,
    ) -> Vec<[usize; 3]> {
        let mut out = vec![0.0; count * rows * columns];
        let codes = vec![1u8; count];
        let factor = |lines, shape| QuantizedBatch {
            codes: BatchRef::with_strides(&codes, count, shape, stride, [0, 0]).expect("they fit"),
            scales: MatRef::with_strides(&[1.0], count, lines, 0, 0).expect("they fit"),
            zero_points: MatRef::with_strides(&[0], count, lines, 0, 0).expect("they fit"),
        };
        let out = BatchMut::new(&mut out, count, [rows, columns]).expect("they fit");
        let batched = BatchedGemm::new(Backend::best().expect("a backend"));
        let call =
            batched.call(factor(rows, [rows, 1]), factor(columns, [1, columns]), out).expect("they fit");
        call.tasks(tasks).map(|task| [task.out.count(), task.out.rows(), task.out.columns()]).collect()
    }

    /// The same without the rows, of which there is one.
    fn split(stride: usize, count: usize, columns: usize, tasks: usize) -> Vec<[usize; 2]> {
        let parts = split_matrices(stride, count, [1, columns], tasks).into_iter();
        parts.map(|[matrices, _, columns]| [matrices, columns]).collect()
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

    #[test]
    fn tasks_of_many_rows_and_few_columns_share_the_rows() {
        let tasks = |rows, columns, tasks| split_matrices(0, 1, [rows, columns], tasks);
        assert_eq!(tasks(960, 16, 4), [[1, 240, 16]; 4]);
        let uneven = |last| [[1, 96, 16], [1, 96, 16], [1, 96, 16], [1, last, 16]];
        assert_eq!(tasks(400, 16, 4), uneven(112), "the last has the rest");
        assert_eq!(tasks(388, 16, 4), uneven(100), "the last has the rest");
        assert_eq!(tasks(960, 32, 2), [[1, 960, 16]; 2], "a part packs its columns only");
        assert_eq!(tasks(300, 16, 4), [[1, 300, 16]], "packing would take longer");
    }
}
