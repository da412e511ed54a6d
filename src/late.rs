//! What a call computes of a scale and a zero point that it has in the place of its plan's.

use alloc::vec::Vec;

use crate::gemm::ColumnTerms;
use crate::{ElementType, PackedWeights};

/// Terms of a call, in the memory of a workspace.
#[derive(Debug, Default)]
pub(crate) struct Late {
    columns: ColumnTerms,
    padding: Vec<u8>,
    scales: Vec<f32>,
}

/// What kernels take that depends on the activations' scale and zero point: of a plan or of a call.
#[derive(Clone, Copy)]
pub(crate) struct Terms<'a> {
    pub(crate) columns: &'a ColumnTerms,
    /// Zero points in the place of what is outside the image.
    pub(crate) padding: &'a [u8],
    pub(crate) zero_point: i32,
    /// Factors in the place of the plan's.
    pub(crate) scales: Option<&'a [f32]>,
}

impl Late {
    /// No terms; allocates nothing.
    pub(crate) const NONE: Late =
        Late { columns: ColumnTerms::NONE, padding: Vec::new(), scales: Vec::new() };

    /// Bytes held.
    pub(crate) fn capacity(&self) -> usize {
        self.columns.capacity() + self.padding.capacity() + self.scales.capacity() * size_of::<f32>()
    }

    /// The terms of activations of type `lhs` with this zero point and scale, where the plan has the factors `scales` and padding
    /// of some length. Allocates nothing if an earlier call of the plan has had this memory.
    pub(crate) fn terms(
        &mut self,
        weights: &PackedWeights,
        bias: Option<&[i32]>,
        (lhs, zero_point, scale): (ElementType, i32, f32),
        scales: &[f32],
        padding: usize,
    ) -> Terms<'_> {
        self.columns.resize(scales.len());
        self.columns.update(weights, bias, lhs, zero_point);
        self.padding.clear();
        self.padding.resize(padding, zero_point as u8);
        self.scales.clear();
        self.scales.extend(scales.iter().map(|factor| factor * scale));
        let Self { columns, padding, scales } = self;
        Terms { columns, padding, zero_point, scales: Some(scales) }
    }
}
