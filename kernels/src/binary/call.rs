//! A call: operands that fit each other, and what becomes of the sums.

use super::{BitPanels, BitPatches};
use crate::gemm::StageRef;
use crate::{Backend, ElementType};

/// Everything of a multiplication but its output.
#[derive(Clone, Copy, Debug)]
pub struct BitCall<'a> {
    /// The backend whose code runs, which packed the panels.
    pub backend: Backend,
    /// The activations.
    pub rows: BitRows<'a>,
    /// The weights.
    pub panels: &'a BitPanels,
    /// The sum without differing bits, for each [padded column](BitPanels::padded_columns): the depth, and a bias.
    pub init: &'a [i32],
    /// What becomes of the sums.
    pub stage: BitStage<'a>,
}

/// Activations of one bit.
#[derive(Clone, Copy, Debug)]
pub enum BitRows<'a> {
    /// Rows of a matrix.
    Matrix(BitMatrix<'a>),
    /// Patches of images.
    Patches(BitPatches<'a>),
}

/// Rows of bits, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct BitMatrix<'a> {
    /// `rows × row_bytes` bytes; filling bits are zeros.
    pub data: &'a [u8],
    /// Their number.
    pub rows: usize,
}

/// The epilogue.
#[derive(Clone, Copy, Debug)]
pub enum BitStage<'a> {
    /// That of eight-bit products, without factors by row. Slices have an element for each padded column.
    Sums(StageRef<'a>),
    /// Bits: whether the sum is less than the threshold, where `flips` does not say the contrary. Rows of the output are
    /// [`row_bytes`](super::row_bytes) long, filled with zeros.
    Bits {
        /// Thresholds, one for each padded column; those of padding −2³⁰.
        thresholds: &'a [i32],
        /// Bits, one for each padded column; those of padding 0.
        flips: &'a [u8],
    },
}

impl BitStage<'_> {
    /// The type that the stage writes.
    #[must_use]
    pub fn output(&self) -> ElementType {
        match self {
            BitStage::Sums(stage) => stage.output(),
            BitStage::Bits { .. } => ElementType::U8,
        }
    }
}
