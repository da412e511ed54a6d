//! A call split into tasks for any threads.

use eightbit_kernels::gemm::OutputBlock;

use crate::job::Job;
use crate::{OutputElement, Workspace};

/// One part of a call: independent of the others, and `Send`.
#[derive(Debug)]
pub struct Task<'a, T> {
    job: Job<'a>,
    out: OutputBlock<'a, T>,
}

impl<T: OutputElement> Task<'_, T> {
    /// Runs the task.
    pub fn run(self, workspace: &mut Workspace) {
        self.job.run(self.out, workspace);
    }
}

/// The tasks of a call: an iterator, which allocates nothing.
///
/// ```
/// # use eightbit::{Backend, ElementType, Gemm, MatMut, MatRef, PackedWeights, Stage, Workspace};
/// # let weights = [1i8; 64 * 32];
/// # let packed = PackedWeights::pack(Backend::best()?, &MatRef::new(&weights, 64, 32)?, 0)?;
/// # let gemm = Gemm::new(packed, ElementType::U8, 0, None, &Stage::ACCUMULATORS)?;
/// let (lhs, mut out) = ([1u8; 100 * 64], [0i32; 100 * 32]);
/// let tasks = gemm.tasks(MatRef::new(&lhs, 100, 64)?, MatMut::new(&mut out, 100, 32)?, 4)?;
/// std::thread::scope(|scope| {
///     for task in tasks {
///         scope.spawn(move || task.run(&mut Workspace::new()));
///     }
/// });
/// assert_eq!(out, [64; 100 * 32]);
/// # Ok::<(), eightbit::Error>(())
/// ```
///
/// Every plan has them: products, convolutions, pools and element-by-element operators.
///
/// ```
/// use eightbit::{Backend, QuantizedType, Workspace, elementwise::Add};
/// let halves = QuantizedType::u8(0.5, 0)?;
/// let add = Add::new(Backend::best()?, halves, halves, QuantizedType::u8(1.0, 0)?)?;
/// let (a, b, mut out) = (vec![4u8; 100_000], vec![8u8; 100_000], vec![0u8; 100_000]);
/// std::thread::scope(|scope| {
///     for task in add.tasks(&a, &b, &mut out, 4)? {
///         scope.spawn(move || task.run(&mut Workspace::new()));
///     }
///     Ok::<(), eightbit::Error>(())
/// })?;
/// assert_eq!(out, [6; 100_000]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Debug)]
pub struct Tasks<'a, T> {
    job: Job<'a>,
    rest: Option<OutputBlock<'a, T>>,
    left: usize,
}

impl<'a, T: OutputElement> Tasks<'a, T> {
    pub(crate) fn new(job: Job<'a>, out: OutputBlock<'a, T>, count: usize) -> Tasks<'a, T> {
        Tasks { job, rest: Some(out), left: count.max(1) }
    }
}

impl<'a, T: OutputElement> Iterator for Tasks<'a, T> {
    type Item = Task<'a, T>;

    fn next(&mut self) -> Option<Task<'a, T>> {
        let out = self.rest.take()?;
        let job = self.job;
        let parts = self.left;
        match split(&job, out, 1, parts) {
            Split::Whole(out) => Some(Task { job, out }),
            Split::Parts(out, rest) => {
                self.rest = Some(rest);
                self.left = parts - 1;
                Some(Task { job, out })
            }
        }
    }
}

enum Split<'a, T> {
    Whole(OutputBlock<'a, T>),
    Parts(OutputBlock<'a, T>, OutputBlock<'a, T>),
}

/// Splits off `share / parts` of a block, if that leaves something on both sides.
fn split<'a, T: OutputElement>(
    job: &Job<'_>,
    out: OutputBlock<'a, T>,
    share: usize,
    parts: usize,
) -> Split<'a, T> {
    // Rows are split while every part gets enough of them: of a product each then reads all weights, which a shared cache
    // holds. Few rows are split by columns, where each part reads weights of its own.
    let grain = job.grain();
    let few = out.rows().div_ceil(grain.rows) < parts && out.rows() <= out.columns();
    let (by_rows, size, step) = match grain.columns {
        Some(columns) if few => (false, out.columns(), columns),
        _ => (true, out.rows(), grain.rows),
    };
    let steps = size.div_ceil(step);
    // In 128 bits, so that no size overflows.
    let part = (steps as u128 * share as u128).div_ceil(parts.max(1) as u128) as usize;
    if parts <= 1 || part == 0 || part * step >= size {
        Split::Whole(out)
    } else {
        let (first, rest) =
            if by_rows { out.split_rows(part * step) } else { out.split_columns(part * step) };
        Split::Parts(first, rest)
    }
}

/// Runs a job on the current rayon pool, one part for each workspace. Allocates nothing.
#[cfg(feature = "rayon")]
pub(crate) fn run_rayon<T: OutputElement>(
    job: Job<'_>,
    out: OutputBlock<'_, T>,
    workspaces: &mut [Workspace],
) {
    let parts = workspaces.len();
    match split(&job, out, parts / 2, parts) {
        Split::Whole(out) => {
            if let Some(workspace) = workspaces.first_mut() {
                job.run(out, workspace);
            }
        }
        Split::Parts(first, rest) => {
            let (one, other) = workspaces.split_at_mut(parts / 2);
            rayon::join(|| run_rayon(job, first, one), || run_rayon(job, rest, other));
        }
    }
}
