//! Threads that compute the parts of steps: the caller's, or those of rayon.

/// Runs the parts of a step on threads of the caller's. See [`ExecutorOptions::parallel`](crate::ExecutorOptions::parallel).
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use eightbit_graph::{ExecutorOptions, Parallel};
///
/// /// Threads that are started for each step. A pool would keep them.
/// struct Scoped(usize);
///
/// impl Parallel for Scoped {
///     fn threads(&self) -> usize {
///         self.0
///     }
///
///     fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
///         let next = AtomicUsize::new(0);
///         let work = || {
///             while let Some(index) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&it| it < tasks) {
///                 task(index);
///             }
///         };
///         std::thread::scope(|scope| {
///             (1..self.0).for_each(|_| drop(scope.spawn(work)));
///             work();
///         });
///     }
/// }
///
/// let mut options = ExecutorOptions::default();
/// options.parallel = Some(Arc::new(Scoped(4)));
/// ```
pub trait Parallel: Send + Sync {
    /// The number of tasks that can run at the same time. Steps are split into as many parts; each takes scratch memory.
    fn threads(&self) -> usize;

    /// Calls `task` with every number below `tasks`, on any threads, in any order, and returns when all calls have. What it leaves
    /// out, the thread that runs the step computes afterwards.
    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync));
}

/// The current rayon pool.
#[cfg(feature = "rayon")]
pub(super) struct Rayon(pub(super) usize);

#[cfg(feature = "rayon")]
impl Parallel for Rayon {
    fn threads(&self) -> usize {
        self.0
    }

    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        fn run(first: usize, count: usize, task: &(dyn Fn(usize) + Sync)) {
            match count {
                0 => {}
                1 => task(first),
                _ => {
                    let half = count / 2;
                    rayon::join(|| run(first, half, task), || run(first + half, count - half, task));
                }
            }
        }
        run(0, tasks, task);
    }
}
