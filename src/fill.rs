//! What the calls of all plans have in common: something fills blocks of an output, whatever the block.

use eightbit_kernels::gemm::OutputBlock;

use crate::Workspace;

/// A plan with operands that fit it: what fills any block of a [`Call`](crate::Call)'s output. It is the bound of functions that
/// take any call; only the plans of this crate implement it.
pub trait Fill<T>: Copy + Send + Sync {
    /// How finely the output may be split.
    #[doc(hidden)]
    fn grain(&self) -> Grain;

    /// Computes the block.
    #[doc(hidden)]
    fn fill(&self, out: OutputBlock<'_, T>, workspace: &mut Workspace);
}

/// How finely an output is split.
#[derive(Clone, Copy, Debug)]
pub struct Grain {
    /// The rows of a block are a multiple of this.
    pub(crate) rows: usize,
    /// The columns likewise; `None` if a block has all columns.
    pub(crate) columns: Option<usize>,
}

impl Grain {
    /// For element-by-element operators: elements that are worth a task, in whole cache lines, and rows enough that a cache
    /// line between two tasks is rare.
    pub(crate) const ELEMENTS: Grain = Grain { rows: 16, columns: Some(4096) };
}

/// Rows of a product that make whole tiles, mostly.
pub(crate) const TILE_ROWS: usize = 12;
