//! The interface of all plans: filling any block of an output.

use eightbit_kernels::gemm::OutputBlock;

use crate::Workspace;

/// A plan with operands that fit it: it fills any block of a [`Call`](crate::Call)'s output. It is the bound of functions that
/// take any call; only the plans of this crate implement it.
pub trait Fill<T>: Copy + Send + Sync {
    /// How finely the output may be split: by default as that of an element-wise operator.
    #[doc(hidden)]
    fn grain(&self) -> Grain {
        Grain::ELEMENTS
    }

    /// Computes the block.
    #[doc(hidden)]
    fn fill(&self, out: OutputBlock<'_, T>, workspace: &mut Workspace);
}

/// How finely an output is split.
#[derive(Clone, Copy, Debug)]
pub struct Grain {
    /// The rows of a block are a multiple of this.
    pub(crate) rows: usize,
    /// The columns of a block are a multiple of this; `None` if a block has all columns.
    pub(crate) columns: Option<usize>,
}

impl Grain {
    /// For element-wise operators: enough elements to be worth a task, in whole cache lines, and enough rows that two tasks
    /// rarely share a cache line.
    pub(crate) const ELEMENTS: Grain = Grain { rows: 16, columns: Some(4096) };
}

/// A multiple of the rows of most tiles.
pub(crate) const TILE_ROWS: usize = 12;
