//! How an executor is made, and how one of its runs goes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::parallel::Parallel;
use super::workers::Workers;
use crate::Error;
use crate::shapes::ShapeOptions;

/// Options of an [`Executor`](crate::Executor).
#[derive(Clone)]
#[non_exhaustive]
pub struct ExecutorOptions {
    /// The backend of the eight-bit operators; `None` selects the best one for this CPU.
    pub backend: Option<eightbit::Backend>,
    /// The number of parts into which convolutions and eight-bit operators are split, each a task for the current rayon
    /// pool. More than 1 needs the feature `rayon`. The results do not depend on it.
    pub threads: usize,
    /// Threads of the caller's, which compute the parts instead, as many as there are threads. `threads` must then be 1.
    pub parallel: Option<Arc<dyn Parallel>>,
    /// Sizes of open dimensions for the first plan, which is made at once; by default a batch of 1. Runs on other sizes
    /// make plans of their own. The limits hold for all plans, and for all runs that are under way at the same time.
    pub shapes: ShapeOptions,
}

impl Default for ExecutorOptions {
    fn default() -> Self {
        Self { backend: None, threads: 1, parallel: None, shapes: ShapeOptions::with_batch(1) }
    }
}

impl fmt::Debug for ExecutorOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { backend, threads, parallel, shapes } = self;
        f.debug_struct("ExecutorOptions")
            .field("backend", backend)
            .field("threads", threads)
            .field("parallel", &parallel.as_ref().map(|pool| pool.threads()))
            .field("shapes", shapes)
            .finish()
    }
}

/// The greatest number of threads accepted; each takes scratch memory.
const MAX_THREADS: usize = 1024;

impl ExecutorOptions {
    pub(super) fn backend(&self) -> Result<eightbit::Backend, Error> {
        match self.backend {
            Some(backend) => Ok(backend),
            None => eightbit::Backend::best().map_err(|error| Error::argument("backend", error.to_string())),
        }
    }

    /// Who computes the parts of steps.
    pub(super) fn workers(&self) -> Result<Workers, Error> {
        match (&self.parallel, self.threads) {
            (None, 1) => Ok(Workers::ONE),
            #[cfg(feature = "rayon")]
            (None, threads @ 2..=MAX_THREADS) => Ok(Workers::of_rayon(threads)),
            (None, threads) => Err(Error::argument(
                "threads",
                format!("must be 1, or 2 to {MAX_THREADS} with the feature rayon; is {threads}"),
            )),
            (Some(pool), 1) if pool.threads() <= MAX_THREADS => Ok(Workers::of(Arc::clone(pool))),
            (Some(pool), threads) => Err(Error::argument(
                "parallel",
                format!(
                    "must have at most {MAX_THREADS} threads, while the option threads is 1; has {}, beside {threads}",
                    pool.threads()
                ),
            )),
        }
    }
}

/// Options of one run.
///
/// ```
/// # use eightbit_graph::{DataType, Error, Executor, ExecutorOptions, Graph, Node, RunOptions, Tensor, ValueInfo};
/// # let value = |name: &str| ValueInfo { name: name.into(), data_type: DataType::F32, shape: vec![Some(1)] };
/// # let graph = Graph {
/// #     inputs: vec![value("x")],
/// #     outputs: vec![value("y")],
/// #     nodes: vec![Node::new("relu", "Relu", &["x"], &["y"])],
/// #     ..Graph::default()
/// # };
/// use std::sync::atomic::{AtomicBool, Ordering};
/// let executor = Executor::new(&graph, &ExecutorOptions::default())?;
/// // Another thread sets it when nobody waits for the answer any more.
/// let is_cancelled = AtomicBool::new(false);
/// let mut options = RunOptions::default();
/// options.cancel = Some(&is_cancelled);
/// let x = Tensor::vector([2.0f32]);
/// assert!(executor.run_with(&[("x", &x)], &options).is_ok());
/// is_cancelled.store(true, Ordering::Relaxed);
/// assert!(matches!(executor.run_with(&[("x", &x)], &options), Err(Error::Cancelled)));
/// # Ok::<(), eightbit_graph::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct RunOptions<'a> {
    /// Ends the run with [`Error::Cancelled`] before the next step once it is `true`.
    pub cancel: Option<&'a AtomicBool>,
}

impl RunOptions<'_> {
    /// An error if the run is to end.
    pub(super) fn check(&self) -> Result<(), Error> {
        match self.cancel {
            Some(cancel) if cancel.load(Ordering::Relaxed) => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }
}
