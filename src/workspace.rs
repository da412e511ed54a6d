//! Scratch memory, owned by the caller.

use alloc::vec::Vec;

use eightbit_kernels::Scratch;

use crate::dynamic::Factors;
use crate::late::Late;

/// Scratch memory for calls: made once, passed to every call, grown by the first that needs more. A call allocates nothing if
/// the workspace has its plan's [`workspace_bytes`](crate::Gemm::workspace_bytes); those that bring a range of their own
/// ([`Conv2d::call_ranged`](crate::Conv2d::call_ranged)), pack a factor ([`BatchedGemm`](crate::dynamic::BatchedGemm),
/// [`StagedGemm`](crate::dynamic::StagedGemm)) or copy slices ([`Conv3d`](crate::Conv3d)) allocate some more the first time.
///
/// One workspace serves one thread at a time.
///
/// ```
/// let workspace = eightbit::Workspace::with_capacity(1 << 16);
/// assert!(workspace.capacity() >= 1 << 16);
/// ```
#[derive(Debug, Default)]
pub struct Workspace(pub(crate) Scratch, pub(crate) Late, pub(crate) Factors, pub(crate) Vec<u8>);

impl Workspace {
    /// An empty workspace; allocates nothing yet.
    #[must_use]
    pub const fn new() -> Workspace {
        Workspace(Scratch::new(), Late::NONE, Factors::NONE, Vec::new())
    }

    /// A workspace of at least `bytes` bytes.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Workspace {
        Workspace(Scratch::with_capacity(bytes), Late::NONE, Factors::NONE, Vec::new())
    }

    /// Bytes held.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.capacity() + self.1.capacity() + self.2.capacity() + self.3.capacity()
    }
}
