//! Threads that compute.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Class, OrRaise};

/// The most threads.
const MOST: usize = 1024;

/// The threads of a session or layer, started when they are first needed.
pub(crate) struct Pool {
    threads: usize,
    started: Mutex<Option<(u32, Arc<ThreadPool>)>>,
}

impl Pool {
    /// `threads` threads; 0 is one for each core.
    pub(crate) fn new(threads: usize) -> PyResult<Self> {
        let threads = match threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from).min(MOST),
            1..=MOST => threads,
            _ => return Err(Class::Argument.with(format!("threads: must be 0 to {MOST}, found {threads}"))),
        };
        Ok(Self { threads, started: Mutex::new(None) })
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// Calls `work` on one of the threads, or on this one if there are no others.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> PyResult<T> {
        if self.threads == 1 {
            return Ok(work());
        }
        Ok(self.started()?.install(work))
    }

    /// The threads of this process: a fork of it has none of them.
    fn started(&self) -> PyResult<Arc<ThreadPool>> {
        let process = std::process::id();
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, pool)) = &*started {
            if *of == process {
                return Ok(Arc::clone(pool));
            }
            // Dropped, it would wake threads that do not exist.
            std::mem::forget(Arc::clone(pool));
        }
        let pool = Arc::new(ThreadPoolBuilder::new().num_threads(self.threads).build().or_raise()?);
        *started = Some((process, Arc::clone(&pool)));
        Ok(pool)
    }
}
