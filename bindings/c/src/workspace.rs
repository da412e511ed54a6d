//! Scratch memory of calls.

use std::sync::{Mutex, PoisonError};

use eightbit::{Call, Fill, OutputElement, Workspace};

use crate::parallel::Threads;
use crate::pointer;
use crate::status::{Code, Failure, guarded};

/// The most threads.
const MOST: usize = 1024;

/// A workspace for each thread.
pub(crate) struct EbWorkspace(Vec<Mutex<Workspace>>);

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_workspace_new(
    bytes: usize,
    threads: usize,
    out: *mut *mut EbWorkspace,
) -> i32 {
    guarded(|| {
        let make = || {
            if !(1..=MOST).contains(&threads) {
                return Err(Failure::new(
                    Code::Argument,
                    format!("threads must be 1 to {MOST}, is {threads}"),
                ));
            }
            let all = bytes.checked_mul(threads).filter(|&all| isize::try_from(all).is_ok());
            // Memory that cannot be had ends the program when it is asked for: it is tried here.
            let can = all.is_some_and(|all| Vec::<u8>::new().try_reserve_exact(all).is_ok());
            if !can {
                return Err(Failure::new(
                    Code::Limit,
                    format!("there is no memory for {threads} × {bytes} bytes"),
                ));
            }
            Ok(EbWorkspace((0..threads).map(|_| Mutex::new(Workspace::with_capacity(bytes))).collect()))
        };
        // SAFETY: as promised by the caller.
        unsafe { pointer::give(out, make) }
    })
}

/// See the header.
///
/// # Safety
///
/// The promises of the header.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn eb_workspace_free(workspace: *mut EbWorkspace) {
    // SAFETY: as promised by the caller.
    unsafe { pointer::free(workspace) }
}

impl EbWorkspace {
    /// Runs a call on this thread, or on those of the caller.
    pub(crate) fn run<'a, T, F>(
        &mut self,
        call: Call<'a, T, F>,
        threads: Option<&Threads>,
    ) -> Result<(), Failure>
    where
        T: OutputElement,
        F: Fill<T>,
        Call<'a, T, F>: Send,
    {
        let Some(threads) = threads else {
            let first = self.0.first_mut();
            let first =
                first.ok_or_else(|| Failure::new(Code::Argument, "the workspace is for no thread"))?;
            let first = first.get_mut().unwrap_or_else(PoisonError::into_inner);
            call.run(first);
            return Ok(());
        };
        let count = threads.count();
        if self.0.len() < count {
            let text =
                format!("{count} threads need a workspace for as many, this one is for {}", self.0.len());
            return Err(Failure::new(Code::Argument, text));
        }
        let tasks: Vec<_> = call.tasks(count).map(|task| Mutex::new(Some(task))).collect();
        threads.run_all(tasks.len(), &|index| {
            // Each index comes once; a second time there is nothing left to do.
            let task = tasks.get(index).and_then(|task| task.lock().ok()?.take());
            if let Some(task) = task {
                // Whatever a task that panicked has left there: the next one writes it anew.
                task.run(&mut self.0[index].lock().unwrap_or_else(PoisonError::into_inner));
            }
        })?;
        let is_left = |task: &Mutex<Option<_>>| task.lock().map_or(true, |task| task.is_some());
        if tasks.iter().any(is_left) {
            return Err(Failure::new(Code::Argument, "parallel: run returned before every task was called"));
        }
        Ok(())
    }
}
