//! Rows of activations: how a kernel addresses the bytes of row `m`.

use super::addressing::Addressing;
use super::patches::PatchRows;
use super::regions::{Cursor, PaddingElision};
use super::strided::MatrixRows;

/// The left operand: a matrix, or the patches of an image.
#[derive(Clone, Copy, Debug)]
pub enum Lhs<'a> {
    /// A strided matrix.
    Matrix(MatrixRows<'a>),
    /// The patches that a convolution sees: row `m` is output pixel `m`.
    Patches(PatchRows<'a>),
}

impl Lhs<'_> {
    /// Number of rows.
    #[inline]
    pub(crate) fn rows(&self) -> usize {
        match self {
            Lhs::Matrix(matrix) => matrix.rows(),
            Lhs::Patches(rows) => rows.window().rows(),
        }
    }

    /// Elements of a row.
    #[inline]
    pub(crate) fn depth(&self) -> usize {
        match self {
            Lhs::Matrix(matrix) => matrix.columns(),
            Lhs::Patches(rows) => rows.patches().depth(),
        }
    }

    /// How the segments of these rows are found where kernels read bytes.
    #[inline]
    pub(crate) fn addressing(&self, segments: usize, segment_len: usize) -> Addressing {
        match self {
            Lhs::Matrix(matrix) if segments == 1 && matrix.column_stride() == 1 => Addressing::InPlace,
            Lhs::Matrix(_) => Addressing::Copied,
            Lhs::Patches(rows) => rows.patches().addressing(segments, segment_len),
        }
    }

    /// Height and width of the output; a matrix's is one line.
    #[inline]
    pub(in crate::gemm) fn output(&self) -> [usize; 2] {
        match self {
            Lhs::Matrix(matrix) => [1, matrix.rows()],
            Lhs::Patches(rows) => rows.window().output,
        }
    }

    /// See [`Patches::possible_elision`](super::patches::Patches::possible_elision).
    pub(in crate::gemm) fn possible_elision(&self, addressing: Addressing, group: usize) -> PaddingElision {
        match self {
            Lhs::Matrix(_) => PaddingElision::Nothing,
            Lhs::Patches(rows) => rows.patches().possible_elision(addressing, group),
        }
    }

    /// Calls `each` with the elements of a row, in order, in runs that lie side by side.
    ///
    /// # Panics
    ///
    /// If the row is past the last one.
    #[inline]
    pub(crate) fn for_each_run(&self, cursor: &Cursor, each: impl FnMut(&[u8])) {
        match self {
            Lhs::Matrix(matrix) => matrix.for_each_run(cursor.x, each),
            Lhs::Patches(rows) => rows.for_each_run(cursor, each),
        }
    }
}
