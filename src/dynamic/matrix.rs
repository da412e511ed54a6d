//! The second factor of a product of two activations, packed into the caller's memory.

use alloc::format;

use eightbit_kernels::gemm::{self, Activations, LentPanels, Panels};

use super::Rows;
use super::product::{ColumnVectors, Columns, Products};
use crate::check::{check_scales, check_size, check_zero_point};
use crate::packed::MAX_REPEATED;
use crate::{Backend, Call, Element, Error, Fill, MatMut, MatRef};

/// A `k × n` matrix of codes, packed into memory of the caller's, with a scale and a zero point for each column: the second factor of products
/// whose factors both arrive when the program runs. Packing allocates nothing.
///
/// ```
/// use eightbit::{Backend, MatMut, MatRef, Workspace, dynamic::{PackedMatrix, Rows}};
/// let backend = Backend::best()?;
/// let mut memory = vec![0; PackedMatrix::bytes(backend, 2, 3)?]; // once
/// let codes = MatRef::new(&[1i8, 2, 3, 4, 5, 6], 2, 3)?;
/// let packed = PackedMatrix::pack_into(backend, &codes, &[1.0, 0.5, 2.0], &[0], &mut memory)?;
/// let rows = Rows::new(&[10u8, 11], 1, 2, 2, &[0.1], &[10])?; // 0 and 0.1
/// let mut out = [0.0; 3];
/// packed.call(rows, MatMut::new(&mut out, 1, 3)?)?.run(&mut Workspace::new());
/// assert_eq!(out, [0.4, 0.25, 1.2]);
/// # Ok::<(), eightbit::Error>(())
/// ```
#[derive(Debug)]
pub struct PackedMatrix<'m> {
    backend: Backend,
    panels: LentPanels<'m>,
    columns: Columns<'m>,
}

impl<'m> PackedMatrix<'m> {
    /// Bytes of memory that a `k × n` matrix takes, wherever the memory begins: its panels begin at a multiple of 64 bytes, for which there
    /// is room. The backend decides on the layout.
    ///
    /// # Errors
    ///
    /// If the number of bytes overflows.
    pub fn bytes(backend: Backend, k: usize, n: usize) -> Result<usize, Error> {
        let bytes = LentPanels::bytes(backend, k, n).filter(|&bytes| isize::try_from(bytes).is_ok());
        bytes.ok_or_else(|| too_large(k, n))
    }

    /// Packs a matrix into the beginning of `memory`. A matrix that is kept as `n × k` is packed as its
    /// [`transposed`](MatRef::transposed) view. There is a scale and a zero point for each column, or one for all.
    ///
    /// # Errors
    ///
    /// [`Error::TooShort`] if `memory` has fewer than [`bytes`](Self::bytes) bytes. Also if there are other numbers of scales or zero points,
    /// a scale is not finite and greater than 0, a zero point lies outside the type of the codes, or the matrix has more than 2²⁴ elements of
    /// which some are repeated.
    pub fn pack_into<T: Element>(
        backend: Backend,
        codes: &MatRef<'_, T>,
        scales: &[f32],
        zero_points: &[i32],
        memory: &'m mut [u8],
    ) -> Result<PackedMatrix<'m>, Error> {
        let n = codes.columns();
        if scales.len() != 1 {
            check_size("number of column scales", n, scales.len())?;
        }
        if zero_points.len() != 1 {
            check_size("number of column zero points", n, zero_points.len())?;
        }
        check_scales("column scale", scales)?;
        zero_points.iter().try_for_each(|&zero| check_zero_point("column zero point", zero, T::TYPE))?;
        check_repeated(codes)?;
        let scale = |column: usize| scales[if scales.len() == 1 { 0 } else { column }];
        let zero_point = |column: usize| zero_points[if zero_points.len() == 1 { 0 } else { column }];
        Self::pack(backend, codes, ColumnVectors::ACTIVATIONS, scale, zero_point, memory)
    }

    /// Packs a checked matrix with what is checked of its columns, to be multiplied with these activations.
    pub(super) fn pack<T: Element>(
        backend: Backend,
        codes: &MatRef<'_, T>,
        activations: Activations,
        scale: impl Fn(usize) -> f32,
        zero_point: impl Fn(usize) -> i32,
        memory: &'m mut [u8],
    ) -> Result<PackedMatrix<'m>, Error> {
        let (k, n) = (codes.rows(), codes.columns());
        let (needed, found) = (Self::bytes(backend, k, n)?, memory.len());
        let memory = memory.get_mut(..needed);
        let packed =
            memory.and_then(|memory| LentPanels::pack(backend, &codes.weights([1, k], 1, 8), memory));
        let too_short = Error::TooShort { what: "memory for a packed matrix", needed, found };
        let (panels, columns) = packed.ok_or(too_short)?;
        let terms = panels.shape().terms(backend, activations);
        let mut any_zero = false;
        for column in 0..n {
            let terms = terms(panels.sums()[column], zero_point(column));
            any_zero |= terms.zero != 0;
            columns.sums[column] = terms.sum;
            columns.init[column] = terms.initial;
            columns.zero_factors[column] = terms.zero_factor;
            columns.scales[column] = scale(column);
        }
        // Those of the padding are computed with, too.
        columns.sums[n..].fill(0);
        columns.init[n..].fill(0);
        columns.zero_factors[n..].fill(0);
        columns.scales[n..].fill(1.0);
        let columns = Columns {
            scales: columns.scales,
            init: columns.init,
            zero_factors: any_zero.then_some(columns.zero_factors),
            sums: columns.sums,
        };
        Ok(PackedMatrix { backend, panels, columns })
    }

    /// The depth `k`.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.panels.shape().depth()
    }

    /// The columns `n`.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.panels.shape().columns()
    }

    /// Bytes of workspace that a call needs to allocate nothing.
    #[must_use]
    pub fn workspace_bytes(&self) -> usize {
        gemm::scratch_bytes(self.backend, self.panels.shape()).unwrap_or(usize::MAX)
    }

    /// The products of rows with all columns:
    /// `out[m][n] = (f32(Σ_k (a[m][k] − zero[m]) · (b[k][n] − b_zero[n])) · scale[n]) · row_scale[m]`.
    ///
    /// # Errors
    ///
    /// If the rows are not as long as the matrix is deep, or are in more than one block, or `out` has another shape.
    pub fn call<'a>(
        &'a self,
        rows: Rows<'a, u8>,
        out: MatMut<'a, f32>,
    ) -> Result<Call<'a, f32, impl Fill<f32>>, Error> {
        Products::call(self.backend, self.panels.get(), self.columns, rows, out)
    }

    /// The panels and what kernels read of their columns, for a call.
    pub(super) fn get(&self) -> (Panels<'_>, Columns<'_>) {
        (self.panels.get(), self.columns)
    }

    /// The products of rows of a call, which has checked what belongs to them.
    pub(super) fn products<'a>(
        &'a self,
        codes: &MatRef<'a, u8>,
        row_scales: &'a [f32],
        row_zeros: &'a [i32],
    ) -> Result<Products<'a>, Error> {
        let (backend, panels, columns, lhs) = (self.backend, self.panels.get(), self.columns, codes.lhs()?);
        Ok(Products { backend, panels, columns, lhs, row_scales, row_zeros })
    }
}

/// An error if a matrix that repeats elements is large.
pub(super) fn check_repeated<T>(codes: &MatRef<'_, T>) -> Result<(), Error> {
    let (k, n) = (codes.rows(), codes.columns());
    if (codes.repeats() || k * n == 0) && k.max(n).max(k * n) > MAX_REPEATED {
        return Err(too_large(k, n));
    }
    Ok(())
}

fn too_large(k: usize, n: usize) -> Error {
    let why = format!("{k} × {n} codes are more than fit into memory, or than a slice has");
    Error::Shape { what: "matrix to pack", why }
}
