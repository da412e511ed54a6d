//! Things that are used by one run at a time and kept for later ones.

use std::sync::{Mutex, PoisonError};

/// Things that no run uses. The lock is held for no longer than it takes to move one.
#[derive(Debug)]
pub(super) struct Stash<T>(Mutex<Vec<T>>);

impl<T> Default for Stash<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Stash<T> {
    /// Takes one of the things, the one that was put back last.
    pub(super) fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Puts a thing back.
    pub(super) fn put(&self, thing: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(thing);
    }
}
