//! Threads of the caller's.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use eightbit_graph::Parallel;

use crate::pointer;
use crate::status::{Code, Failure};

type Task = extern "C" fn(data: *mut c_void, index: usize);

/// The struct of the header.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct EbParallel {
    context: *mut c_void,
    threads: usize,
    run: Option<unsafe extern "C" fn(context: *mut c_void, tasks: usize, task: Task, data: *mut c_void)>,
}

/// Threads that were checked.
pub(crate) struct Threads(EbParallel);

// SAFETY: the header asks for a function that any thread can call at any time, with a context that is made for it.
unsafe impl Send for Threads {}
// SAFETY: as above.
unsafe impl Sync for Threads {}

impl Threads {
    /// Those of C, if it names any.
    ///
    /// # Safety
    ///
    /// `parallel` is null or valid for reads, and keeps the promises of the header.
    pub(crate) unsafe fn new(parallel: *const EbParallel) -> Result<Option<Self>, Failure> {
        if parallel.is_null() {
            return Ok(None);
        }
        // SAFETY: as promised by the caller.
        let parallel = *unsafe { pointer::object(parallel, "parallel") }?;
        if parallel.run.is_none() {
            return Err(Failure::null("parallel.run"));
        }
        if !(1..=1024).contains(&parallel.threads) {
            let text = format!("parallel.threads must be 1 to 1024, is {}", parallel.threads);
            return Err(Failure::new(Code::Argument, text));
        }
        Ok(Some(Self(parallel)))
    }

    pub(crate) fn count(&self) -> usize {
        self.0.threads
    }

    /// Calls `task` with every number below `tasks`; an error if one of them panicked.
    pub(crate) fn run_all(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) -> Result<(), Failure> {
        let call = Called { task, panicked: AtomicBool::new(false) };
        if let Some(run) = self.0.run {
            // SAFETY: `run` and its context keep the promises of the header: it calls `each` with the data given to it, and only until it
            // returns, so that `call` outlives all calls.
            unsafe { run(self.0.context, tasks, each, (&raw const call).cast_mut().cast()) };
        }
        if call.panicked.into_inner() {
            return Err(Failure::new(Code::Internal, "a fault of this library: a task panicked"));
        }
        Ok(())
    }
}

impl Parallel for Threads {
    fn threads(&self) -> usize {
        self.count()
    }

    fn run(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        if let Err(failure) = self.run_all(tasks, task) {
            std::panic::panic_any(failure.into_text());
        }
    }
}

/// What tasks of C call.
struct Called<'a> {
    task: &'a (dyn Fn(usize) + Sync),
    panicked: AtomicBool,
}

/// Calls one task. No panic may cross the functions of C that called it.
extern "C" fn each(data: *mut c_void, index: usize) {
    // SAFETY: `data` is what `run_all` gave, which is alive until `run` returns; threads only read it.
    let call = unsafe { &*data.cast::<Called<'_>>() };
    if catch_unwind(AssertUnwindSafe(|| (call.task)(index))).is_err() {
        call.panicked.store(true, Ordering::Relaxed);
    }
}
