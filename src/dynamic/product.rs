//! Products of two activations: what all forms of the second factor share.

use alloc::vec::Vec;

use eightbit_kernels::gemm::{
    self, Activations, Border, ColumnTerms, Lhs, MatrixRows, OutputBlock, PANEL, Panels, RowZeros, StageRef,
};

use super::Rows;
use crate::check::check_size;
use crate::fill::{Fill, Grain, TILE_ROWS};
use crate::{Backend, Call, Error, MatMut, Workspace};

/// What kernels read of the columns of the second factor, padded to whole panels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns<'a> {
    pub(super) scales: &'a [f32],
    pub(super) init: &'a [i32],
    /// `None` if all zero points are those of weights without.
    pub(super) zero_factors: Option<&'a [i32]>,
    pub(super) sums: &'a [i32],
}

/// The same in memory of their own.
#[derive(Clone, Debug)]
pub(super) struct ColumnVectors {
    scales: Vec<f32>,
    init: Vec<i32>,
    zero_factors: Vec<i32>,
    sums: Vec<i32>,
    /// Whether any column has had a zero point.
    any_zero: bool,
}

impl ColumnVectors {
    /// The activations that initial accumulators are made for: rows bring their own zero points.
    pub(super) const ACTIVATIONS: Activations = Activations { signed: false, zero_point: 0 };

    /// Of no columns, with room for as many.
    pub(super) fn with_capacity(columns: usize) -> ColumnVectors {
        let padded = columns.next_multiple_of(PANEL);
        ColumnVectors {
            scales: Vec::with_capacity(padded),
            init: Vec::with_capacity(padded),
            zero_factors: Vec::with_capacity(padded),
            sums: Vec::with_capacity(padded),
            any_zero: false,
        }
    }

    /// Makes them as long as the columns are, padding included.
    pub(super) fn resize(&mut self, padded: usize) {
        self.scales.resize(padded, 1.0);
        for terms in [&mut self.init, &mut self.zero_factors, &mut self.sums] {
            terms.resize(padded, 0);
        }
    }

    /// Writes what a column has.
    pub(super) fn set(&mut self, column: usize, scale: f32, terms: ColumnTerms) {
        let ColumnTerms { initial, zero_factor, zero, sum } = terms;
        self.any_zero |= zero != 0;
        self.scales[column] = scale;
        (self.init[column], self.zero_factors[column], self.sums[column]) = (initial, zero_factor, sum);
    }

    /// Writes what all columns have, padding included, of the sums of their canonical weights and the zero point of all.
    pub(super) fn set_all(&mut self, sums: &[i32], zero_point: i32, terms: impl Fn(i32, i32) -> ColumnTerms) {
        // They are linear in the sum: that of no weights, and a part for each step of it.
        let (none, one) = (terms(0, zero_point), terms(1, zero_point));
        let step = one.initial.wrapping_sub(none.initial);
        self.any_zero = none.zero != 0;
        self.zero_factors.fill(none.zero_factor);
        for ((init, own), sum) in self.init.iter_mut().zip(&mut self.sums).zip(sums) {
            *init = none.initial.wrapping_add(step.wrapping_mul(*sum));
            *own = none.sum.wrapping_add(*sum);
        }
    }

    pub(super) fn columns(&self) -> Columns<'_> {
        let Self { scales, init, zero_factors, sums, any_zero } = self;
        Columns { scales, init, zero_factors: any_zero.then_some(zero_factors), sums }
    }
}

/// A packed factor with the rows that it is multiplied with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Products<'a> {
    pub(super) backend: Backend,
    pub(super) panels: Panels<'a>,
    pub(super) columns: Columns<'a>,
    pub(super) lhs: MatrixRows<'a>,
    pub(super) row_scales: &'a [f32],
    pub(super) row_zeros: &'a [i32],
}

impl<'a> Products<'a> {
    /// The product that computes `out`, after checking that shapes fit.
    pub(super) fn call(
        backend: Backend,
        panels: Panels<'a>,
        columns: Columns<'a>,
        rows: Rows<'a, u8>,
        out: MatMut<'a, f32>,
    ) -> Result<Call<'a, f32, Products<'a>>, Error> {
        check_size("blocks of a row", 1, rows.blocks())?;
        check_size("columns of the activations", panels.depth(), rows.columns())?;
        let lhs = rows.codes()?;
        check_size("rows of the output", lhs.rows(), out.rows())?;
        check_size("columns of the output", panels.columns(), out.columns())?;
        let (row_scales, row_zeros, lhs) = (rows.scales(), rows.zero_points(), lhs.lhs()?);
        Ok(Call::new(Products { backend, panels, columns, lhs, row_scales, row_zeros }, out.block()))
    }
}

impl Fill<f32> for Products<'_> {
    fn grain(&self) -> Grain {
        Grain { rows: TILE_ROWS, columns: Some(PANEL) }
    }

    fn fill(&self, out: OutputBlock<'_, f32>, workspace: &mut Workspace) {
        let Columns { scales, init, zero_factors, sums } = self.columns;
        let call = gemm::Call {
            backend: self.backend,
            lhs: Lhs::Matrix(self.lhs),
            lhs_signed: false,
            panels: self.panels,
            init,
            weight_zeros: zero_factors,
            row_zeros: Some(RowZeros { zero_points: self.row_zeros, of_init: 0, sums }),
            border: Border::COMPUTED,
            stage: StageRef::Dequantize {
                scale: scales,
                row_scale: Some(self.row_scales),
                bias: None,
                low: f32::NEG_INFINITY,
                high: f32::INFINITY,
            },
            memo: None,
        };
        gemm::run(&call, out, &mut workspace.0);
    }
}
