//! Batches of products of two activations whose scales are known before they run.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

use eightbit_kernels::gemm::{self, Activations, Border, LentPanels, Lhs, OutputBatch, PanelShape, StageRef};

use super::batch::{BatchMut, UniformBatch};
use super::batch_call::{BatchCall, FillBatch};
use super::batched::memory;
use super::matrix::{PackedMatrix, check_repeated};
use crate::check::{check_finite, check_size, check_type, check_zero_point};
use crate::epilogue::{Columns, Epilogue};
use crate::gemm::explain_gemm;
use crate::{Backend, Element, ElementType, Error, OutputElement, Stage, Workspace};

/// As [`BatchedGemm`](super::BatchedGemm), with any [`Stage`], which is known beforehand, and one zero point for all codes of a factor: a
/// QLinearMatMul or MatMulInteger of two activations. Calls bring the zero points, and may bring the scales. The second factor of each
/// product is packed by the task that computes it, only once if its stride from matrix to matrix is 0.
///
/// `out[i][m][n] = stage( Σ_k (lhs[i][m][k] − lhs_zero)·(rhs[i][k][n] − rhs_zero) )`
///
/// ```
/// use eightbit::{Backend, Stage, Workspace, dynamic::{BatchMut, BatchRef, StagedGemm, UniformBatch}};
/// let plan = StagedGemm::new(Backend::best()?, [2, 1], &Stage::ACCUMULATORS)?;
/// // Two products of a row and a column.
/// let lhs = UniformBatch { codes: BatchRef::new(&[6u8, 9, 5, 5], 2, [1, 2])?, zero_point: 5 };
/// let rhs = UniformBatch { codes: BatchRef::new(&[7i8, 8, 1, 1], 2, [2, 1])?, zero_point: 4 };
/// let mut out = [1; 2];
/// plan.call(lhs, rhs, BatchMut::new(&mut out, 2, [1, 1])?)?.run(&mut Workspace::new());
/// assert_eq!(out, [(6 - 5) * (7 - 4) + (9 - 5) * (8 - 4), 0]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct StagedGemm {
    backend: Backend,
    shape: PanelShape,
    epilogue: Epilogue,
}

/// The most columns of a plan, which has a scale for each.
const MAX_COLUMNS: usize = 1 << 24;

impl StagedGemm {
    /// Plans products whose second factors are `k × n`, given as `[k, n]`.
    ///
    /// # Errors
    ///
    /// If the bytes of a second factor cannot be counted, it has more than 2²⁴ columns, there are other numbers of scales or biases than
    /// columns, a zero point or clamp lies outside its type, or a scale is not finite and positive.
    pub fn new(backend: Backend, [k, n]: [usize; 2], stage: &Stage) -> Result<StagedGemm, Error> {
        PackedMatrix::bytes(backend, k, n)?;
        let shape = LentPanels::shape_of(backend, true, [k, n]).filter(|_| n <= MAX_COLUMNS);
        let shape = shape.ok_or_else(|| {
            let why =
                format!("{k} × {n}: more columns than {MAX_COLUMNS}, or more bytes than can be counted");
            Error::Shape { what: "second factor", why }
        })?;
        Ok(StagedGemm { backend, shape, epilogue: Epilogue::new(stage, Columns::of_matrix(n))? })
    }

    /// The output type.
    #[must_use]
    pub fn output(&self) -> ElementType {
        self.epilogue.output()
    }

    /// Bytes of workspace that a call takes, beside those of a packed second factor ([`PackedMatrix::bytes`]).
    #[must_use]
    pub fn workspace_bytes(&self) -> usize {
        gemm::scratch_bytes(self.backend, &self.shape).unwrap_or(usize::MAX)
    }

    /// A human-readable account of the kernels, tile and blocking that a product of `rows` rows takes, and why.
    #[must_use]
    pub fn explain(&self, rows: usize) -> String {
        explain_gemm(self.backend, &self.shape, rows, true, self.output(), false)
    }

    /// The products of each matrix of `lhs`, `m × k`, with that of `rhs`, `k × n`.
    ///
    /// # Errors
    ///
    /// If numbers of matrices, shapes or the output's type do not fit each other or the plan, a zero point lies outside its type, or a
    /// matrix of `rhs` has more than 2²⁴ elements of which some are repeated.
    pub fn call<'a, A: Element, B: Element, T: OutputElement>(
        &'a self,
        lhs: UniformBatch<'a, A>,
        rhs: UniformBatch<'a, B>,
        out: BatchMut<'a, T>,
    ) -> Result<BatchCall<'a, T, impl FillBatch<T> + use<'a, A, B, T>>, Error> {
        self.checked(lhs, rhs, None, out)
    }

    /// As [`call`](Self::call), with factors in the place of those of the plan's [`Stage::Dequantize`]: one for all columns, or one for
    /// each. They may be any finite numbers.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), and if the plan does not dequantize, there is another number of factors, or one is not finite.
    pub fn call_scaled<'a, A: Element, B: Element, T: OutputElement>(
        &'a self,
        lhs: UniformBatch<'a, A>,
        rhs: UniformBatch<'a, B>,
        scales: &'a [f32],
        out: BatchMut<'a, T>,
    ) -> Result<BatchCall<'a, T, impl FillBatch<T> + use<'a, A, B, T>>, Error> {
        self.epilogue.dequantization_scales()?;
        if scales.len() != 1 {
            check_size("number of dequantization scales", self.shape.columns(), scales.len())?;
        }
        check_finite("dequantization scale", scales)?;
        self.checked(lhs, rhs, Some(scales), out)
    }

    fn checked<'a, A: Element, B: Element, T: OutputElement>(
        &'a self,
        lhs: UniformBatch<'a, A>,
        rhs: UniformBatch<'a, B>,
        scales: Option<&'a [f32]>,
        out: BatchMut<'a, T>,
    ) -> Result<BatchCall<'a, T, Factored<'a, A, B>>, Error> {
        let out = out.batch();
        check_type("the output", self.output(), T::TYPE)?;
        check_size("matrices of the second factor", lhs.codes.count(), rhs.codes.count())?;
        check_size("matrices of the output", lhs.codes.count(), out.count())?;
        check_size("columns of the first factor", self.shape.depth(), lhs.codes.columns())?;
        check_size("rows of the second factor", self.shape.depth(), rhs.codes.rows())?;
        check_size("columns of the second factor", self.shape.columns(), rhs.codes.columns())?;
        check_size("rows of the output", lhs.codes.rows(), out.rows())?;
        check_size("columns of the output", self.shape.columns(), out.columns())?;
        check_zero_point("zero point of the first factor", lhs.zero_point, A::TYPE)?;
        check_zero_point("zero point of the second factor", rhs.zero_point, B::TYPE)?;
        if out.count() > 0 && out.rows() > 0 && out.columns() > 0 {
            check_repeated(&rhs.codes.matrix(0)?)?;
        }
        Ok(BatchCall::new(Factored { plan: self, lhs, rhs, scales }, out))
    }
}

/// A plan with the factors of its products.
#[derive(Clone, Copy, Debug)]
struct Factored<'a, A, B> {
    plan: &'a StagedGemm,
    lhs: UniformBatch<'a, A>,
    rhs: UniformBatch<'a, B>,
    /// In the place of the plan's.
    scales: Option<&'a [f32]>,
}

impl<A: Element, B: Element, T: OutputElement> FillBatch<T> for Factored<'_, A, B> {
    fn is_one_for_all(&self) -> bool {
        self.rhs.codes.is_one_for_all()
    }

    fn fill(&self, products: Range<usize>, out: &mut OutputBatch<'_, T>, workspace: &mut Workspace) {
        // The products use the workspace meanwhile.
        let mut factors = mem::take(&mut workspace.2);
        self.multiply(&mut factors.packed, products, out, workspace).expect("checked when the call was made");
        workspace.2 = factors;
    }
}

impl<A: Element, B: Element> Factored<'_, A, B> {
    fn multiply<T: OutputElement>(
        &self,
        packed: &mut Vec<u8>,
        products: Range<usize>,
        out: &mut OutputBatch<'_, T>,
        workspace: &mut Workspace,
    ) -> Result<(), Error> {
        let &Self { plan: StagedGemm { backend, epilogue, .. }, lhs, rhs, scales } = self;
        let backend = *backend;
        let (first, first_row, first_column) = (out.first(), out.first_row(), out.first_column());
        let columns = first_column..first_column + out.columns();
        let b = rhs.codes.part(first + products.start, 0..rhs.codes.rows(), columns)?;
        let activations = Activations { signed: A::SIGNED, zero_point: lhs.zero_point };
        let scale = |column| match scales {
            None => 1.0,
            Some(&[scale]) => scale,
            Some(scales) => scales[first_column + column],
        };
        let memory = memory(packed, backend, &b)?;
        let b = PackedMatrix::pack(backend, &b, activations, scale, |_| rhs.zero_point, memory)?;
        let (panels, columns) = b.get();
        let stage: StageRef<'_> = match scales {
            Some(_) => epilogue.stage_with_scales(first_column, columns.scales),
            None => epilogue.stage(first_column, None),
        };
        for at in products {
            let a = lhs.codes.part(first + at, first_row..first_row + out.rows(), 0..lhs.codes.columns())?;
            let call = gemm::Call {
                backend,
                lhs: Lhs::Matrix(a.lhs()?),
                lhs_signed: A::SIGNED,
                panels,
                init: columns.init,
                weight_zeros: columns.zero_factors,
                row_zeros: None,
                border: Border::COMPUTED,
                stage,
                memo: None,
            };
            gemm::run(&call, out.matrix(at), &mut workspace.0);
        }
        Ok(())
    }
}
