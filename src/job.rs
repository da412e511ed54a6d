//! What a task computes: the call of a plan, block by block of its output.

use eightbit_kernels::gemm::{OutputBlock, PANEL};

use crate::conv::ConvJob;
use crate::elementwise::{AddJob, DequantizeJob, LookupJob, MulJob, QuantizeJob, RequantizeJob};
use crate::gemm::GemmJob;
use crate::pool::{AveragePoolJob, MaxPoolJob};
use crate::{OutputElement, Workspace};

/// What fills a block of an output: the same for every block of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Job<'a> {
    Gemm(GemmJob<'a>),
    Conv(ConvJob<'a>),
    Add(AddJob<'a>),
    Mul(MulJob<'a>),
    Requantize(RequantizeJob<'a>),
    Quantize(QuantizeJob<'a>),
    Dequantize(DequantizeJob<'a>),
    Lookup(LookupJob<'a>),
    MaxPool(MaxPoolJob<'a>),
    AveragePool(AveragePoolJob<'a>),
}

/// How finely an output is split.
pub(crate) struct Grain {
    /// A block has a multiple of so many rows.
    pub(crate) rows: usize,
    /// And of so many columns, if it may be split between columns at all.
    pub(crate) columns: Option<usize>,
}

/// So many rows of a product make whole tiles, mostly.
const TILE_ROWS: usize = 12;
/// Elements that are worth a task, in whole cache lines.
const ELEMENTS: usize = 4096;
/// Rows of elements: a few, so that a cache line between two tasks is rare.
const ELEMENT_ROWS: usize = 16;

impl Job<'_> {
    /// Fills the block.
    pub(crate) fn run<T: OutputElement>(&self, out: OutputBlock<'_, T>, workspace: &mut Workspace) {
        match self {
            Job::Gemm(job) => job.run(out, workspace),
            Job::Conv(job) => job.run(out, workspace),
            Job::Add(job) => job.run(out),
            Job::Mul(job) => job.run(out),
            Job::Requantize(job) => job.run(out),
            Job::Quantize(job) => job.run(out),
            Job::Dequantize(job) => job.run(out),
            Job::Lookup(job) => job.run(out),
            Job::MaxPool(job) => job.run(out, workspace),
            Job::AveragePool(job) => job.run(out, workspace),
        }
    }

    /// How finely the output may be split.
    pub(crate) fn grain(&self) -> Grain {
        match self {
            Job::Gemm(_) => Grain { rows: TILE_ROWS, columns: Some(PANEL) },
            Job::Conv(_) => Grain { rows: TILE_ROWS, columns: None },
            Job::MaxPool(job) => Grain { rows: job.width(), columns: None },
            Job::AveragePool(job) => Grain { rows: job.width(), columns: None },
            _ => Grain { rows: ELEMENT_ROWS, columns: Some(ELEMENTS) },
        }
    }
}
