//! The parts of a step's work, and who computes them.

use std::fmt;
use std::slice::IterMut;
use std::sync::{Arc, Mutex, PoisonError};

use eightbit::dynamic::{BatchCall, FillBatch};
use eightbit::{Call, Fill, OutputElement, Workspace};

use super::parallel::Parallel;

/// Who computes the parts of a step.
#[derive(Clone)]
pub(crate) struct Workers {
    parts: usize,
    /// `None`: the thread that runs the step.
    pool: Option<Arc<dyn Parallel>>,
}

impl fmt::Debug for Workers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} workers", self.parts)
    }
}

impl Workers {
    /// The thread that runs the step.
    pub(crate) const ONE: Self = Self { parts: 1, pool: None };

    /// As many as `pool` has threads.
    pub(crate) fn of(pool: Arc<dyn Parallel>) -> Self {
        match pool.threads() {
            0 | 1 => Self::ONE,
            parts => Self { parts, pool: Some(pool) },
        }
    }

    /// `count` threads of the current rayon pool.
    #[cfg(feature = "rayon")]
    pub(crate) fn of_rayon(count: usize) -> Self {
        Self::of(Arc::new(super::parallel::Rayon(count)))
    }

    /// The number of parts into which they split work.
    pub(crate) fn parts(&self) -> usize {
        self.parts
    }

    /// All of them if that `is_worth` it, else one.
    pub(crate) fn if_worth(&self, is_worth: bool) -> Self {
        if is_worth { self.clone() } else { Self::ONE }
    }

    /// Splits `out`, rows of `row` elements, into one part for each worker, and calls `work` with the first row and the part.
    pub(crate) fn by_rows<T: Send>(&self, out: &mut [T], row: usize, work: impl Fn(usize, &mut [T]) + Sync) {
        if self.parts == 1 {
            return work(0, out);
        }
        // Units take no memory: none is allocated.
        let mut states = vec![(); self.parts];
        self.by_rows_with(out, row, &mut states, |first, part, ()| work(first, part));
    }

    /// As [`by_rows`](Self::by_rows), with a state for each part.
    pub(crate) fn by_rows_with<T: Send, S: Send>(
        &self,
        out: &mut [T],
        row: usize,
        states: &mut [S],
        work: impl Fn(usize, &mut [T], &mut S) + Sync,
    ) {
        if let [state] = states {
            return work(0, out, state);
        }
        let rows = out.len().checked_div(row).unwrap_or(0);
        let parts = Parts { out, row, rows, next: 0, count: states.len(), states: states.iter_mut() };
        self.each(parts, |(first, part, state)| work(first, part, state));
    }

    /// Calls `work` with every item.
    fn each<I: Iterator + Send>(&self, items: I, work: impl Fn(I::Item) + Sync) {
        let items = Mutex::new(items);
        let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
        if let Some(pool) = &self.pool {
            pool.run(self.parts, &|_| {
                if let Some(item) = next() {
                    work(item);
                }
            });
        }
        while let Some(item) = next() {
            work(item);
        }
    }
}

/// The parts of an output, each with the number of its first row and a state.
struct Parts<'a, T, S> {
    /// What is left, from the row `next * rows / count` on.
    out: &'a mut [T],
    row: usize,
    rows: usize,
    next: usize,
    count: usize,
    states: IterMut<'a, S>,
}

impl<'a, T, S> Iterator for Parts<'a, T, S> {
    type Item = (usize, &'a mut [T], &'a mut S);

    fn next(&mut self) -> Option<Self::Item> {
        let state = self.states.next()?;
        let first = divided(self.rows, self.next, self.count);
        self.next += 1;
        let rows = divided(self.rows, self.next, self.count) - first;
        let out = std::mem::take(&mut self.out);
        let part = if self.next == self.count { out.len() } else { rows * self.row };
        let (part, rest) = out.split_at_mut(part);
        self.out = rest;
        Some((first, part, state))
    }
}

/// Where part `index` of `parts` parts of `count`, as large as each other, begins. Without overflow, whatever the numbers.
pub(crate) fn divided(count: usize, index: usize, parts: usize) -> usize {
    (count as u128 * index as u128 / parts as u128) as usize
}

/// The workspaces in which workers run calls of the crate `eightbit`.
#[derive(Debug)]
pub(crate) struct Threads {
    workers: Workers,
    bytes: usize,
    /// One for each part, once there was a call.
    workspaces: Vec<Workspace>,
}

/// Workspaces as large, for another run.
impl Clone for Threads {
    fn clone(&self) -> Self {
        Self::new(&self.workers, self.bytes)
    }
}

impl Threads {
    /// Workspaces of `bytes` bytes, which the first call allocates.
    pub(crate) fn new(workers: &Workers, bytes: usize) -> Self {
        Self { workers: workers.clone(), bytes, workspaces: Vec::new() }
    }

    /// Runs a call of the crate `eightbit`.
    pub(crate) fn run<T: OutputElement, F: Fill<T>>(&mut self, call: Call<'_, T, F>) {
        self.share(call, Call::tasks, Call::run);
    }

    /// Runs a batch of products of the crate `eightbit`.
    pub(crate) fn run_batch<T: OutputElement, F: FillBatch<T>>(&mut self, call: BatchCall<'_, T, F>) {
        self.share(call, BatchCall::tasks, BatchCall::run);
    }

    /// Runs a call at once, or its tasks, one for each part.
    fn share<C, P: Iterator<Item = C> + Send>(
        &mut self,
        call: C,
        tasks: impl FnOnce(C, usize) -> P,
        run: impl Fn(C, &mut Workspace) + Sync,
    ) {
        let (workers, workspaces) = self.ready();
        match workspaces {
            [workspace] => run(call, workspace),
            _ => {
                let parts = tasks(call, workers.parts).zip(workspaces);
                workers.each(parts, |(call, workspace)| run(call, workspace));
            }
        }
    }

    /// The workers, and a workspace for each part.
    fn ready(&mut self) -> (&Workers, &mut [Workspace]) {
        let Self { workers, bytes, workspaces } = self;
        workspaces.resize_with(workers.parts, || Workspace::with_capacity(*bytes));
        (workers, workspaces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the even numbers alone, and some of them twice.
    struct Careless;

    impl Parallel for Careless {
        fn threads(&self) -> usize {
            3
        }

        fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
            (0..tasks).step_by(2).for_each(task);
            if tasks > 6 {
                (0..100).for_each(task);
            }
        }
    }

    #[test]
    fn every_row_is_in_one_part() {
        let pools = [Workers::ONE, Workers::of(Arc::new(Careless))];
        for (rows, parts) in [(0, 2), (1, 1), (1, 3), (7, 3), (8, 2), (5, 5), (20, 9)] {
            for pool in &pools {
                let workers = Workers { parts, ..pool.clone() };
                let mut out = vec![0usize; rows * 4];
                let mut states = vec![0usize; parts];
                let fill = |first: usize, part: &mut [usize]| {
                    for (index, element) in part.iter_mut().enumerate() {
                        *element += first * 4 + index + 1;
                    }
                };
                workers.by_rows_with(&mut out, 4, &mut states, |first, part, count| {
                    *count += 1;
                    fill(first, part);
                });
                let is_whole =
                    |out: &[usize]| out.iter().enumerate().all(|(index, &element)| element == index + 1);
                assert!(is_whole(&out), "{rows}, {parts}");
                assert!(states.iter().all(|&count| count == 1));
                out.fill(0);
                workers.by_rows(&mut out, 4, fill);
                assert!(is_whole(&out), "{rows}, {parts}");
            }
        }
    }

    #[test]
    fn a_pool_of_one_thread_is_the_own_thread() {
        struct Single;

        impl Parallel for Single {
            fn threads(&self) -> usize {
                1
            }

            fn run(&self, _: usize, _: &(dyn Fn(usize) + Sync)) {
                panic!("nothing to share");
            }
        }
        Workers::of(Arc::new(Single)).by_rows(&mut [0u8; 4], 1, |_, part| part.fill(1));
    }
}
