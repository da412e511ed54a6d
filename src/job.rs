//! What a task computes: a multiplication, or a convolution group by group.

use eightbit_kernels::gemm::OutputBlock;

use crate::conv::ConvJob;
use crate::gemm::GemmJob;
use crate::{OutputElement, Workspace};

/// What fills a block of an output: the same for every block of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Job<'a> {
    Gemm(GemmJob<'a>),
    Conv(ConvJob<'a>),
}

impl Job<'_> {
    /// Fills the block.
    pub(crate) fn run<T: OutputElement>(&self, out: OutputBlock<'_, T>, workspace: &mut Workspace) {
        match self {
            Job::Gemm(gemm) => gemm.run(out, workspace),
            Job::Conv(conv) => conv.run(out, workspace),
        }
    }

    /// Whether blocks may be split between columns.
    pub(crate) fn splits_columns(&self) -> bool {
        matches!(self, Job::Gemm(_))
    }
}
