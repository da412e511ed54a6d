//! Plans, and the memory of the runs of one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::memory::Places;
use super::plan::Lowered;
use super::scratch::Scratch;
use super::slot::Slot;
use super::stash::Stash;

/// A plan for inputs of fixed shapes. Nothing of it changes: all runs share it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) lowered: Lowered,
    pub(super) places: Places,
    /// The number of steps after which each result is complete.
    pub(super) completions: Vec<usize>,
    /// The memory of runs that have ended.
    pub(super) idle: Stash<State>,
}

impl Plan {
    pub(super) fn new(mut lowered: Lowered) -> Self {
        let completions = lowered.completions();
        let places = Places::of(&mut lowered);
        Self { lowered, places, completions, idle: Stash::default() }
    }

    /// Memory for a run, whose bytes are `reserved`.
    pub(super) fn state(&self, reserved: Reserved) -> State {
        let mut scratch = Vec::new();
        scratch.resize_with(self.lowered.steps.len(), Scratch::default);
        State { slots: self.places.slots(), scratch, taken: Vec::new(), _reserved: reserved }
    }
}

/// The memory of one run.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Of the values between steps.
    pub(super) slots: Vec<Slot>,
    /// Of each step.
    pub(super) scratch: Vec<Scratch>,
    /// The memory of the outputs of the running step.
    pub(super) taken: Vec<Slot>,
    _reserved: Reserved,
}

/// Bytes of a sum, which are taken off when it is dropped.
#[derive(Debug, Default)]
pub(super) struct Reserved(Option<(Arc<AtomicU64>, u64)>);

impl Reserved {
    /// Adds `bytes` to `sum`.
    pub(super) fn new(sum: &Arc<AtomicU64>, bytes: u64) -> Self {
        sum.fetch_add(bytes, Ordering::Relaxed);
        Self(Some((Arc::clone(sum), bytes)))
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if let Some((sum, bytes)) = &self.0 {
            sum.fetch_sub(*bytes, Ordering::Relaxed);
        }
    }
}
