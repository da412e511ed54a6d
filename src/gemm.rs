//! Matrix multiplication plans: made once, run often.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use eightbit_kernels::gemm::{
    self, Activations, Border, Lhs, MatrixRows, OutputBlock, PANEL, PackedPanels, PanelShape, Panels,
    RowZeros, TilingMemo, WeightsPath,
};

use crate::check::{check_scales, check_size, check_type, check_zero_point};
use crate::dynamic::Rows;
use crate::epilogue::{Columns, Epilogue};
use crate::fill::{Fill, Grain, TILE_ROWS};
use crate::packed::Packed;
use crate::{
    Backend, Call, Element, ElementType, Error, MatMut, MatRef, OutputElement, PackedError, PackedWeights,
    Stage, Workspace,
};

/// A matrix multiplication with everything that is known before the activations arrive: weights, zero points, bias and
/// epilogue.
///
/// `out[m][n] = stage( Σ_k (lhs[m][k] − lhs_zero)·(weights[k][n] − weight_zero[n]) + bias[n] )`
///
/// Making a plan checks and allocates; running it does neither if the workspace is large enough.
///
/// ```
/// use eightbit::{Backend, ElementType, Gemm, MatMut, MatRef, PackedWeights, Stage, Workspace};
/// let weights = MatRef::new(&[1i8, -1, 0, 2], 2, 2)?;
/// let packed = PackedWeights::pack(Backend::best()?, &weights, 0)?;
/// let gemm = Gemm::new(packed, ElementType::U8, 0, None, &Stage::ACCUMULATORS)?;
/// let mut out = [0i32; 4];
/// let lhs = MatRef::new(&[1u8, 2, 3, 4], 2, 2)?;
/// gemm.call(lhs, MatMut::new(&mut out, 2, 2)?)?.run(&mut Workspace::new());
/// assert_eq!(out, [1, 3, 3, 5]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Gemm {
    weights: Arc<PackedWeights>,
    lhs: ElementType,
    lhs_zero: i32,
    bias: Option<Vec<i32>>,
    columns: ColumnTerms,
    epilogue: Epilogue,
    memo: TilingMemo,
}

/// What the kernels add by column: see `PackedPanels::initial_accumulators`. Groups follow each other, padded.
#[derive(Clone, Debug, Default)]
pub(crate) struct ColumnTerms {
    init: Vec<i32>,
    weight_zeros: Vec<i32>,
    any_weight_zero: bool,
    /// The sums of a matrix's weights, each less its zero point, where that is not 0 for all; else they are those of the panels.
    sums: Vec<i32>,
}

impl ColumnTerms {
    /// Those of no columns.
    pub(crate) const NONE: ColumnTerms =
        ColumnTerms { init: Vec::new(), weight_zeros: Vec::new(), any_weight_zero: false, sums: Vec::new() };

    pub(crate) fn new(columns: Columns) -> ColumnTerms {
        let mut terms = ColumnTerms::NONE;
        terms.resize(columns.len());
        terms
    }

    /// Makes room for `len` columns, padding included.
    pub(crate) fn resize(&mut self, len: usize) {
        self.init.resize(len, 0);
        self.weight_zeros.resize(len, 0);
    }

    /// Bytes held.
    pub(crate) fn capacity(&self) -> usize {
        (self.init.capacity() + self.weight_zeros.capacity() + self.sums.capacity()) * size_of::<i32>()
    }

    /// Computes the terms for activations of type `lhs` with zero point `lhs_zero`; allocates nothing.
    pub(crate) fn update(
        &mut self,
        weights: &PackedWeights,
        bias: Option<&[i32]>,
        lhs: ElementType,
        lhs_zero: i32,
    ) {
        let activations = Activations { signed: lhs == ElementType::I8, zero_point: lhs_zero };
        let groups = match weights.packed() {
            Packed::Panels(groups) => groups,
            Packed::Taps(taps) => {
                taps.initial_accumulators(bias, activations.zero_point, activations.signed, &mut self.init);
                return;
            }
        };
        self.any_weight_zero = false;
        let (mut first, mut padded) = (0, 0);
        for panels in groups {
            self.any_weight_zero |= panels.initial_accumulators(
                weights.backend(),
                bias.map(|bias| &bias[first..]),
                activations,
                |column| weights.zero_points().of(first + column),
                &mut self.init[padded..],
                &mut self.weight_zeros[padded..],
            );
            first += panels.columns();
            padded += panels.padded_columns();
        }
    }

    /// Finds the sums of a matrix's weights, which depend on no activations. After the first [update](Self::update).
    fn find_sums(&mut self, weights: &PackedWeights, panels: &PackedPanels) {
        self.sums.clear();
        if self.any_weight_zero {
            let any = Activations { signed: false, zero_point: 0 };
            let terms = panels.column_terms(weights.backend(), any);
            self.sums.extend(
                (0..panels.columns()).map(|column| terms(column, weights.zero_points().of(column)).sum),
            );
            // Those of the padding are not read, but loaded.
            self.sums.resize(panels.padded_columns(), 0);
        }
    }

    /// The sums of a matrix's weights, each less its zero point.
    #[inline]
    fn sums<'a>(&'a self, panels: &'a PackedPanels) -> &'a [i32] {
        if self.any_weight_zero { &self.sums } else { panels.sums() }
    }

    #[inline]
    pub(crate) fn init(&self, first: usize) -> &[i32] {
        &self.init[first..]
    }

    #[inline]
    pub(crate) fn weight_zeros(&self, first: usize) -> Option<&[i32]> {
        self.any_weight_zero.then(|| &self.weight_zeros[first..])
    }
}

impl Gemm {
    /// Plans the multiplication of activations of type `lhs` (`U8` or `I8`) and zero point `lhs_zero` with `weights`.
    ///
    /// `bias` is one `i32` per column, in units of `lhs_scale · weight_scale[n]`, added mod 2³² to the accumulator.
    ///
    /// # Errors
    ///
    /// If a vector's length is not the number of columns, a zero point or clamp lies outside its type, or a scale is
    /// not finite and positive.
    pub fn new(
        weights: impl Into<Arc<PackedWeights>>,
        lhs: ElementType,
        lhs_zero: i32,
        bias: Option<&[i32]>,
        stage: &Stage,
    ) -> Result<Gemm, Error> {
        let weights = weights.into();
        let Packed::Panels(groups) = weights.packed() else {
            let why = "weights of a depthwise convolution cannot multiply a matrix: use Conv2d".into();
            return Err(Error::Shape { what: "matrix multiplication", why });
        };
        check_size("channel groups of a matrix", 1, groups.len())?;
        check_activations(lhs, lhs_zero)?;
        check_bias(bias, weights.columns())?;
        let columns = Columns::of(&weights);
        let epilogue = Epilogue::new(stage, columns)?;
        let mut terms = ColumnTerms::new(columns);
        terms.update(&weights, bias, lhs, lhs_zero);
        terms.find_sums(&weights, &groups[0]);
        Ok(Gemm {
            weights,
            lhs,
            lhs_zero,
            bias: bias.map(<[i32]>::to_vec),
            columns: terms,
            epilogue,
            memo: TilingMemo::default(),
        })
    }

    /// Changes the activations' zero point, which dynamic quantization learns only at run time. Allocates nothing; takes
    /// time in proportion to the columns.
    ///
    /// # Errors
    ///
    /// If the zero point lies outside the activations' type.
    pub fn set_lhs_zero_point(&mut self, lhs_zero: i32) -> Result<(), Error> {
        check_activations(self.lhs, lhs_zero)?;
        self.lhs_zero = lhs_zero;
        self.columns.update(&self.weights, self.bias.as_deref(), self.lhs, lhs_zero);
        Ok(())
    }

    /// Changes the factors of a [`Stage::Dequantize`], of which dynamic quantization learns one part only at run time: one
    /// for all columns, or one for each. They may be any finite numbers. Allocates nothing.
    ///
    /// ```
    /// use eightbit::{Backend, Dequantize, ElementType, Gemm, MatMut, MatRef, PackedWeights, Per, Stage, Workspace};
    /// let weights = PackedWeights::pack(Backend::best()?, &MatRef::new(&[1i8, 2], 1, 2)?, 0)?;
    /// let stage = Stage::Dequantize(Dequantize::new(Per::Tensor(1.0)));
    /// let mut gemm = Gemm::new(weights, ElementType::U8, 0, None, &stage)?;
    /// gemm.set_scales(&[0.5, -0.25])?;
    /// let mut out = [0.0; 2];
    /// let lhs = MatRef::new(&[3u8], 1, 1)?;
    /// gemm.call(lhs, MatMut::new(&mut out, 1, 2)?)?.run(&mut Workspace::new());
    /// assert_eq!(out, [1.5, -1.5]);
    /// # Ok::<(), eightbit::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the plan does not dequantize, there is another number of factors, or one is not finite.
    pub fn set_scales(&mut self, scales: &[f32]) -> Result<(), Error> {
        self.epilogue.set_scales(scales, Columns::of(&self.weights))
    }

    /// The weights.
    #[must_use]
    pub fn weights(&self) -> &PackedWeights {
        &self.weights
    }

    /// The output type.
    #[must_use]
    pub fn output(&self) -> ElementType {
        self.epilogue.output()
    }

    /// Bytes of workspace that a call needs to allocate nothing.
    #[must_use]
    pub fn workspace_bytes(&self) -> usize {
        gemm::scratch_bytes(self.weights.backend(), self.panels()).unwrap_or(usize::MAX)
    }

    /// A human-readable account of the kernels, tile and blocking that `rows` rows take, and why.
    #[must_use]
    pub fn explain(&self, rows: usize) -> String {
        let zeros = self.columns.any_weight_zero;
        explain_gemm(self.weights.backend(), self.panels(), rows, true, self.output(), zeros)
    }

    /// The multiplication that computes `out`: `lhs.rows() × weights.columns()`.
    ///
    /// # Errors
    ///
    /// If shapes or element types are not those of the plan, or the weights are [shared](PackedWeights::from_shared) with a
    /// buffer that has become shorter.
    #[inline(always)]
    pub fn call<'a, A: Element, T: OutputElement>(
        &'a self,
        lhs: MatRef<'a, A>,
        out: MatMut<'a, T>,
    ) -> Result<Call<'a, T, impl Fill<T>>, Error> {
        self.checked(&lhs, RowTerms::NONE, out)
    }

    /// As [`call`](Self::call), for activations that were quantized row by row: a [`Stage::Dequantize`] multiplies row
    /// `m` by `row_scale[m]` too.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), and if the plan does not dequantize, there is not one factor per row, or one is not
    /// finite and positive.
    pub fn call_scaled<'a, A: Element, T: OutputElement>(
        &'a self,
        lhs: MatRef<'a, A>,
        row_scale: &'a [f32],
        out: MatMut<'a, T>,
    ) -> Result<Call<'a, T, impl Fill<T>>, Error> {
        check_type("the output of a call with row scales", ElementType::F32, T::TYPE)?;
        check_size("number of row scales", lhs.rows(), row_scale.len())?;
        check_scales("row scale", row_scale)?;
        self.checked(&lhs, RowTerms { scales: Some(row_scale), ..RowTerms::NONE }, out)
    }

    /// As [`call_scaled`](Self::call_scaled), for rows that have zero points of their own, too: `rows.zero_points()[m]` is in the place
    /// of the plan's zero point.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), and if the plan does not dequantize, or rows are in more than one block.
    pub fn call_rows<'a, A: Element, T: OutputElement>(
        &'a self,
        rows: Rows<'a, A>,
        out: MatMut<'a, T>,
    ) -> Result<Call<'a, T, impl Fill<T>>, Error> {
        check_type("the output of a call with row scales", ElementType::F32, T::TYPE)?;
        check_size("blocks of a row", 1, rows.blocks())?;
        let zero_points = rows.zero_points();
        let own = zero_points.iter().any(|&zero| zero != self.lhs_zero);
        let terms = RowTerms { scales: Some(rows.scales()), zero_points: own.then_some(zero_points) };
        self.checked(&rows.codes()?, terms, out)
    }

    #[inline]
    fn panels(&self) -> &PackedPanels {
        match self.weights.packed() {
            Packed::Panels(groups) => &groups[0],
            Packed::Taps(_) => unreachable!("refused when the plan was made"),
        }
    }

    // A call is some hundred bytes, which a small product has no time to move: it is made where it is run.
    #[inline(always)]
    fn checked<'a, A: Element, T: OutputElement>(
        &'a self,
        lhs: &MatRef<'a, A>,
        terms: RowTerms<'a>,
        out: MatMut<'a, T>,
    ) -> Result<Call<'a, T, Multiplication<'a>>, Error> {
        check_type("the activations", self.lhs, A::TYPE)?;
        check_type("the output", self.epilogue.output(), T::TYPE)?;
        check_size("columns of the activations", self.weights.depth(), lhs.columns())?;
        check_size("rows of the output", lhs.rows(), out.rows())?;
        check_size("columns of the output", self.weights.columns(), out.columns())?;
        let panels = self.panels().get().map_err(|_| PackedError::Shrunk)?;
        Ok(Call::new(Multiplication { gemm: self, panels, lhs: lhs.lhs()?, terms }, out.block()))
    }
}

/// A plan with its weights and its activations.
#[derive(Clone, Copy, Debug)]
struct Multiplication<'a> {
    gemm: &'a Gemm,
    panels: Panels<'a>,
    lhs: MatrixRows<'a>,
    terms: RowTerms<'a>,
}

/// What a call has by row.
#[derive(Clone, Copy, Debug)]
struct RowTerms<'a> {
    scales: Option<&'a [f32]>,
    /// In the place of the plan's zero point.
    zero_points: Option<&'a [i32]>,
}

impl RowTerms<'_> {
    const NONE: RowTerms<'static> = RowTerms { scales: None, zero_points: None };
}

impl<T: OutputElement> Fill<T> for Multiplication<'_> {
    fn grain(&self) -> Grain {
        Grain { rows: TILE_ROWS, columns: Some(PANEL) }
    }

    #[inline(always)]
    fn fill(&self, out: OutputBlock<'_, T>, workspace: &mut Workspace) {
        let plan = self.gemm;
        let call = gemm::Call {
            backend: plan.weights.backend(),
            lhs: Lhs::Matrix(self.lhs),
            lhs_signed: plan.lhs == ElementType::I8,
            panels: self.panels,
            init: plan.columns.init(0),
            weight_zeros: plan.columns.weight_zeros(0),
            row_zeros: self.terms.zero_points.map(|zero_points| RowZeros {
                zero_points,
                of_init: plan.lhs_zero,
                sums: plan.columns.sums(plan.panels()),
            }),
            border: Border::COMPUTED,
            stage: plan.epilogue.stage(0, self.terms.scales),
            memo: Some(&plan.memo),
        };
        gemm::run(&call, out, &mut workspace.0);
    }
}

pub(crate) fn explain_gemm(
    backend: Backend,
    panels: &PanelShape,
    rows: usize,
    matrix: bool,
    output: ElementType,
    weight_zeros: bool,
) -> String {
    let tiling = gemm::tiling(backend, rows, matrix, panels).expect("weights are packed for their backend");
    format!(
        "{rows}×{}×{} → {output}: backend {backend}, layout {}{}, tiles of {}×{}{}, blocks of {} columns{}",
        panels.depth(),
        panels.columns(),
        panels.layout(),
        explain_weights(tiling.weights),
        tiling.tile_rows,
        tiling.tile_panels * PANEL,
        tiling.unit.map(|unit| format!(" on the matrix unit ({unit})")).unwrap_or_default(),
        tiling.block_panels * PANEL,
        if weight_zeros { ", sums of rows for the weights' zero points" } else { "" },
    )
}

/// How kernels read the weights, if not as bytes.
pub(crate) fn explain_weights(path: WeightsPath) -> &'static str {
    match path {
        WeightsPath::Unfolded => " unfolded to bytes block by block",
        WeightsPath::Folded => " unfolded in registers",
        _ => "",
    }
}

pub(crate) fn check_activations(element: ElementType, zero_point: i32) -> Result<(), Error> {
    if !matches!(element, ElementType::U8 | ElementType::I8) {
        return Err(Error::ElementType {
            what: "the activations",
            expected: ElementType::U8,
            found: element,
        });
    }
    check_zero_point("activation zero point", zero_point, element)
}

pub(crate) fn check_bias(bias: Option<&[i32]>, channels: usize) -> Result<(), Error> {
    bias.map_or(Ok(()), |bias| check_size("number of biases", channels, bias.len()))
}
