//! The arguments of a multiplication, and the proof that they fit each other.

use super::output::OutputBlock;
use super::{Lhs, PANEL, PaddingElision, Panels, StageRef, TilingMemo, Variant};
use crate::{Backend, OutputElement};

/// The arguments of a multiplication.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The backend whose kernels run; the panels must be in its layout.
    pub backend: Backend,
    /// The activations.
    pub lhs: Lhs<'a>,
    /// Whether they are `i8`.
    pub lhs_signed: bool,
    /// The weights.
    pub panels: Panels<'a>,
    /// See [`PackedPanels::initial_accumulators`](super::PackedPanels::initial_accumulators).
    pub init: &'a [i32],
    /// The canonical weights' zero points; `None` if all are 0.
    pub weight_zeros: Option<&'a [i32]>,
    /// The zero points of rows; `None` if the initial accumulators have the zero point of all rows.
    pub row_zeros: Option<RowZeros<'a>>,
    /// Padding elision: which of a convolution's products with its padding are left out.
    pub border: Border<'a>,
    /// The epilogue.
    pub stage: StageRef<'a>,
    /// The choice of tile, kept from call to call for the same panels and backend.
    pub memo: Option<&'a TilingMemo>,
}

/// Zero points of activations that differ from row to row.
#[derive(Clone, Copy, Debug)]
pub struct RowZeros<'a> {
    /// One for each row of the whole matrix.
    pub zero_points: &'a [i32],
    /// The zero point that the initial accumulators were made for.
    pub of_init: i32,
    /// What a column adds to the sum for each step of a zero point, negative: the sum of its weights, each less its zero point; padding
    /// included.
    pub sums: &'a [i32],
}

/// How a convolution treats the taps of its patches that lie outside the image.
#[derive(Clone, Copy, Debug)]
pub struct Border<'a> {
    /// Which products are left out, limited to what the segments of the packed weights allow.
    pub elision: PaddingElision,
    /// See [`Panels::tap_sums`]; may be empty if nothing is left out.
    pub tap_sums: &'a [i32],
    /// The activations' zero point.
    pub lhs_zero: i32,
}

impl Border<'_> {
    /// Every product is computed. A matrix allows nothing else.
    pub const COMPUTED: Border<'static> =
        Border { elision: PaddingElision::Nothing, tap_sums: &[], lhs_zero: 0 };
}

/// A [`Call`] and the block of the output that it computes, which fit each other: what the driver and all unsafe code behind
/// it trust. Only [`new`](Self::new) makes one, nothing changes one, and while it lives the slices of the call are
/// borrowed, so what was proved stays true:
///
/// * The table is the backend's and reads the panels as they are. Those of the block are among them, and each is
///   `panel_stride` bytes long, by [`Panels`].
/// * Every element of the activations lies in their slice, by [`MatrixRows`](super::MatrixRows) and
///   [`PatchRows`](super::PatchRows); their rows are as long as the panels are deep.
/// * The block's rows are rows of the activations, its columns columns of the panels, and it begins on a panel's border.
/// * Initial accumulators, zero points and what the stage has by column cover all columns, padding included; what it has by
///   row all rows. There are sums for every tap that may be left out.
/// * The block's elements are of the type that the stage writes.
pub(super) struct Checked<'a, 'out, T> {
    call: &'a Call<'a>,
    gemm: &'static Variant,
    out: OutputBlock<'out, T>,
}

impl<'a, 'out, T: OutputElement> Checked<'a, 'out, T> {
    /// # Panics
    ///
    /// If one of these conditions does not hold.
    #[inline]
    pub(super) fn new(call: &'a Call<'a>, out: OutputBlock<'out, T>) -> Checked<'a, 'out, T> {
        let panels = &call.panels;
        let gemm = panels.kernels(call.backend, &call.lhs).expect("panels that the backend's kernels read");
        let padded = panels.padded_columns();
        assert_eq!(call.lhs.depth(), panels.depth(), "depths differ");
        assert_eq!(T::TYPE, call.stage.output(), "the stage writes another type");
        assert_eq!(out.first_column() % PANEL, 0, "a block begins on a panel's border");
        // Neither sum wraps, as `OutputBlock` makes sure.
        let end = out.first_column() + out.columns();
        assert!(end <= panels.columns(), "block past the last column");
        panels.check_bytes(out.first_column() / PANEL..end.div_ceil(PANEL));
        let rows = call.lhs.rows();
        assert!(out.first_row() + out.rows() <= rows, "block past the last row");
        assert!(call.init.len() >= padded, "one initial accumulator per column, padding included");
        assert!(
            call.weight_zeros.is_none_or(|zeros| zeros.len() >= padded),
            "one weight zero point per column, padding included"
        );
        if let Some(zeros) = &call.row_zeros {
            assert!(zeros.zero_points.len() >= rows, "a zero point for each row");
            assert!(zeros.sums.len() >= padded, "a sum of weights for each column, padding included");
        }
        if let Lhs::Patches(patches) = &call.lhs
            && call.border.elision != PaddingElision::Nothing
        {
            let sums = patches.window().taps().checked_mul(padded);
            assert!(
                sums.is_some_and(|sums| call.border.tap_sums.len() >= sums),
                "a sum per tap and column, padding included"
            );
        }
        call.stage.check(padded, rows);
        Checked { call, gemm, out }
    }

    /// The call.
    #[inline]
    pub(super) fn call(&self) -> &'a Call<'a> {
        self.call
    }

    /// The kernels that read its panels.
    #[inline]
    pub(super) fn gemm(&self) -> &'static Variant {
        self.gemm
    }

    /// The block.
    #[inline]
    pub(super) fn out(&self) -> &OutputBlock<'out, T> {
        &self.out
    }
}
