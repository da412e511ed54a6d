//! Memory that a step keeps from run to run.

use std::any::Any;
use std::fmt;

/// Memory of one step, of any type; nothing before its first run. Runs that are under way at the same time have one each.
#[derive(Default)]
pub(crate) struct Scratch(Option<Box<dyn Any + Send>>);

impl Scratch {
    /// Calls `work` with the memory, which `make` makes if there is none.
    pub(crate) fn with<M: Any + Send, R>(
        &mut self,
        make: impl FnOnce() -> M,
        work: impl FnOnce(&mut M) -> R,
    ) -> R {
        let kept = self.0.take().and_then(|memory| memory.downcast().ok());
        let mut memory: Box<M> = kept.unwrap_or_else(|| Box::new(make()));
        let result = work(&mut memory);
        self.0 = Some(memory);
        result
    }
}

impl fmt::Debug for Scratch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "memory" } else { "none" })
    }
}
