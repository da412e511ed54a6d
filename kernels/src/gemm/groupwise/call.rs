//! The arguments of a product, and the proof that they fit each other.

use super::GroupTerms;
use super::terms::GroupShape;
use crate::Backend;
use crate::gemm::{MatrixRows, OutputBlock, PANEL, Panels, Variant};

/// The arguments of a product with weights in groups.
#[derive(Clone, Copy, Debug)]
pub struct GroupwiseCall<'a> {
    /// The backend whose kernels run; the panels must be in its layout.
    pub backend: Backend,
    /// The activations, `u8`; elements of a row follow each other.
    pub lhs: MatrixRows<'a>,
    /// Zero points of the rows of the whole matrix, in 0 … 255.
    pub row_zeros: &'a [i32],
    /// Factors of the rows of the whole matrix.
    pub row_scales: &'a [f32],
    /// The weights.
    pub panels: Panels<'a>,
    /// What they have by group.
    pub terms: &'a GroupTerms,
    /// Added at the end, by column, padding included.
    pub bias: Option<&'a [f32]>,
    /// Least output value; not NaN.
    pub low: f32,
    /// Greatest output value; not NaN.
    pub high: f32,
}

/// A [`GroupwiseCall`] and the block of the output that it computes, which fit each other, as those of
/// [`Checked`](crate::gemm::call::Checked) do: the panels and what they have by group are of one shape, there are zero points and factors
/// for all rows and what is by column for all columns, padding included.
pub(super) struct CheckedGroupwise<'a, 'out> {
    call: &'a GroupwiseCall<'a>,
    variant: &'static Variant,
    out: OutputBlock<'out, f32>,
}

impl<'a, 'out> CheckedGroupwise<'a, 'out> {
    /// # Panics
    ///
    /// If one of these conditions does not hold.
    pub(super) fn new(call: &'a GroupwiseCall<'a>, out: OutputBlock<'out, f32>) -> Self {
        let GroupwiseCall { lhs, row_zeros, row_scales, panels, terms, bias, .. } = call;
        let variant = panels.variant(call.backend).expect("panels of a layout that the backend reads");
        assert_eq!(lhs.columns(), panels.depth(), "depths differ");
        assert_eq!(lhs.column_stride(), 1, "elements of a row follow each other");
        let GroupShape { depth, columns, .. } = terms.shape;
        assert_eq!((depth, columns), (panels.depth(), panels.columns()), "terms of other panels");
        assert_eq!(out.first_column() % PANEL, 0, "a block begins on a panel's border");
        // Neither sum wraps, as `OutputBlock` makes sure.
        assert!(out.first_column() + out.columns() <= panels.columns(), "block past the last column");
        assert!(out.first_row() + out.rows() <= lhs.rows(), "block past the last row");
        assert!(row_zeros.len() >= lhs.rows(), "a zero point for each row");
        assert!(row_scales.len() >= lhs.rows(), "a factor for each row");
        let end = out.first_column() + out.columns();
        panels.check_bytes(out.first_column() / PANEL..end.div_ceil(PANEL));
        let padded = panels.padded_columns();
        assert!(bias.is_none_or(|bias| bias.len() >= padded), "one bias per column, padding included");
        CheckedGroupwise { call, variant, out }
    }

    pub(super) fn call(&self) -> &'a GroupwiseCall<'a> {
        self.call
    }

    /// The kernels that read its panels.
    pub(super) fn variant(&self) -> &'static Variant {
        self.variant
    }

    pub(super) fn out(&self) -> &OutputBlock<'out, f32> {
        &self.out
    }
}
