//! The settings that all cases of a run share.

use eightbit::Backend;

/// What cases are made with.
#[derive(Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) backend: Backend,
    pub(crate) threads: usize,
    /// Whether results are compared with the reference before they are timed.
    pub(crate) check: bool,
}
