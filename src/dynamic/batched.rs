//! Batches of products of two activations: one call for all heads of an attention.

use alloc::vec::Vec;
use core::mem;
use core::ops::Range;

use eightbit_kernels::gemm::OutputBatch;

use super::batch::{BatchMut, QuantizedBatch};
use super::batch_call::{BatchCall, FillBatch};
use super::matrix::{PackedMatrix, check_repeated};
use super::product::ColumnVectors;
use crate::check::check_size;
use crate::{Backend, Element, Error, Fill, MatRef, Workspace};

/// Products of a batch of matrices with a batch of others, both quantized when the program runs. The second factor of each product is packed
/// by the task that computes it: only the columns that it multiplies, and only once if its strides from matrix to matrix are 0, those of
/// codes, scales and zero points (one key for all queries, for instance).
///
/// ```
/// use eightbit::{Backend, MatRef, Workspace};
/// use eightbit::dynamic::{BatchMut, BatchRef, BatchedGemm, QuantizedBatch};
/// // Queries and keys of two heads: [token][head][channel], two tokens, three channels.
/// let (q, k) = ([1u8, 2, 3, 4, 5, 6, 7, 8, 9, 1, 1, 1], [1i8, 0, 0, 0, 1, 0, -1, 0, 1, 2, 2, 2]);
/// let (scales, zero_points) = (MatRef::with_strides(&[0.5], 2, 2, 0, 0)?, MatRef::with_strides(&[0], 2, 2, 0, 0)?);
/// let queries = BatchRef::with_strides(&q, 2, [2, 3], 3, [6, 1])?;
/// let keys = BatchRef::with_strides(&k, 2, [2, 3], 3, [6, 1])?.transposed();
/// let mut out = [0.0; 8];
/// BatchedGemm::new(Backend::best()?).call(
///     QuantizedBatch { codes: queries, scales, zero_points },
///     QuantizedBatch { codes: keys, scales, zero_points },
///     BatchMut::new(&mut out, 2, [2, 2])?,
/// )?.run(&mut Workspace::new());
/// assert_eq!(out, [0.25, 0.5, 1.75, 0.5, 1.25, 7.5, 0.25, 1.5]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BatchedGemm {
    backend: Backend,
}

impl BatchedGemm {
    /// Products on a backend.
    #[must_use]
    pub fn new(backend: Backend) -> BatchedGemm {
        BatchedGemm { backend }
    }

    /// The products of each matrix of `lhs`, `m × k`, with that of `rhs`, `k × n`:
    /// `out[i][m][n] = (f32(Σ_k (a[i][m][k] − a_zero[i][m]) · (b[i][k][n] − b_zero[i][n])) · b_scale[i][n]) · a_scale[i][m]`.
    ///
    /// # Errors
    ///
    /// If numbers of matrices or their shapes do not fit each other, a scale is not finite and greater than 0, a zero point lies outside its
    /// type, or a matrix of `rhs` has more than 2²⁴ elements of which some are repeated.
    pub fn call<'a, T: Element>(
        &self,
        lhs: QuantizedBatch<'a, u8>,
        rhs: QuantizedBatch<'a, T>,
        out: BatchMut<'a, f32>,
    ) -> Result<BatchCall<'a, f32, impl FillBatch<f32> + use<'a, T>>, Error> {
        let out = out.batch();
        check_size("matrices of the second factor", lhs.codes.count(), rhs.codes.count())?;
        check_size("matrices of the output", lhs.codes.count(), out.count())?;
        check_size("rows of the second factor", lhs.codes.columns(), rhs.codes.rows())?;
        check_size("rows of the output", lhs.codes.rows(), out.rows())?;
        check_size("columns of the output", rhs.codes.columns(), out.columns())?;
        lhs.check_shapes(out.rows())?;
        rhs.check_shapes(out.columns())?;
        // With elements, an output has as many as there are scales: none are repeated without end.
        if out.count() > 0 && out.rows() > 0 && out.columns() > 0 {
            lhs.check_values()?;
            rhs.check_values()?;
            check_repeated(&rhs.codes.matrix(0)?)?;
            PackedMatrix::bytes(self.backend, rhs.codes.rows(), rhs.codes.columns())?;
        }
        Ok(BatchCall::new(Factored { backend: self.backend, lhs, rhs }, out))
    }
}

/// The factors of a batch of products.
#[derive(Clone, Copy, Debug)]
struct Factored<'a, T> {
    backend: Backend,
    lhs: QuantizedBatch<'a, u8>,
    rhs: QuantizedBatch<'a, T>,
}

impl<T: Element> FillBatch<f32> for Factored<'_, T> {
    fn is_one_for_all(&self) -> bool {
        self.rhs.is_one_for_all()
    }

    fn fill(&self, products: Range<usize>, out: &mut OutputBatch<'_, f32>, workspace: &mut Workspace) {
        // The products use the workspace meanwhile.
        let mut factors = mem::take(&mut workspace.2);
        self.multiply(&mut factors, products, out, workspace).expect("checked when the call was made");
        workspace.2 = factors;
    }
}

impl<T: Element> Factored<'_, T> {
    fn multiply(
        &self,
        factors: &mut Factors,
        products: Range<usize>,
        out: &mut OutputBatch<'_, f32>,
        workspace: &mut Workspace,
    ) -> Result<(), Error> {
        let Self { backend, lhs, rhs } = self;
        let Factors { packed, scales, zero_points } = factors;
        let (number, first_row, first_column) =
            (out.first() + products.start, out.first_row(), out.first_column());
        let (rows, columns) = (first_row..first_row + out.rows(), first_column..first_column + out.columns());
        let b = rhs.codes.part(number, 0..rhs.codes.rows(), columns)?;
        let memory = memory(packed, *backend, &b)?;
        let scale = |column| *rhs.scales.at(number, first_column + column);
        let zero_point = |column| *rhs.zero_points.at(number, first_column + column);
        let b = PackedMatrix::pack(*backend, &b, ColumnVectors::ACTIVATIONS, scale, zero_point, memory)?;
        for at in products {
            let number = out.first() + at;
            let a = lhs.codes.part(number, rows.clone(), 0..lhs.codes.columns())?;
            scales.clear();
            scales.extend(rows.clone().map(|row| *lhs.scales.at(number, row)));
            zero_points.clear();
            zero_points.extend(rows.clone().map(|row| *lhs.zero_points.at(number, row)));
            b.products(&a, scales, zero_points)?.fill(out.matrix(at), workspace);
        }
        Ok(())
    }
}

/// The factors of a product, in the memory of a workspace.
#[derive(Debug, Default)]
pub(crate) struct Factors {
    pub(super) packed: Vec<u8>,
    scales: Vec<f32>,
    zero_points: Vec<i32>,
}

impl Factors {
    /// None; allocates nothing.
    pub(crate) const NONE: Factors =
        Factors { packed: Vec::new(), scales: Vec::new(), zero_points: Vec::new() };

    /// Bytes held.
    pub(crate) fn capacity(&self) -> usize {
        self.packed.capacity()
            + self.scales.capacity() * size_of::<f32>()
            + self.zero_points.capacity() * size_of::<i32>()
    }
}

/// Memory to pack a matrix into, which grows if it has to.
pub(super) fn memory<'m, T: Element>(
    packed: &'m mut Vec<u8>,
    backend: Backend,
    matrix: &MatRef<'_, T>,
) -> Result<&'m mut [u8], Error> {
    let bytes = PackedMatrix::bytes(backend, matrix.rows(), matrix.columns())?;
    packed.resize(packed.len().max(bytes), 0);
    Ok(packed)
}
