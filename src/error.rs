//! Errors: each names what is wrong, so that the caller knows what to change.

use crate::{BackendError, ElementType, Precision};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

/// Why a plan could not be made or a call could not run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The requested backend does not exist or cannot run on this CPU.
    #[error(transparent)]
    Backend(#[from] BackendError),

    /// A buffer holds fewer elements than its shape and strides address.
    #[error("{what} has {found} elements where its shape needs {needed}")]
    TooShort {
        /// The buffer.
        what: &'static str,
        /// Elements needed.
        needed: usize,
        /// Elements found.
        found: usize,
    },

    /// Two sizes that must be equal are not.
    #[error("{what} must be {expected}, found {found}")]
    Mismatch {
        /// The size.
        what: &'static str,
        /// The size needed.
        expected: usize,
        /// The size found.
        found: usize,
    },

    /// An operand's element type is not the planned one.
    #[error("{what} must be {expected}, found {found}")]
    ElementType {
        /// The operand.
        what: &'static str,
        /// The type of the plan.
        expected: ElementType,
        /// The type found.
        found: ElementType,
    },

    /// A number that must be finite and positive is not.
    #[error("{what} must be finite and greater than 0, found {found}{}", at(*index))]
    Scale {
        /// The number.
        what: &'static str,
        /// What was found.
        found: f32,
        /// Its channel, if there is one for each.
        index: Option<usize>,
    },

    /// The ratio of scales is too large to compute with.
    #[error("{what} must be at most 2^100, found {found:e}")]
    Factor {
        /// The ratio.
        what: &'static str,
        /// What was found.
        found: f32,
    },

    /// A number that must be finite is not.
    #[error("{what} must be finite, found {found}{}", at(*index))]
    NotFinite {
        /// The number.
        what: &'static str,
        /// What was found.
        found: f32,
        /// Its channel, if there is one for each.
        index: Option<usize>,
    },

    /// A row cannot be quantized over its range: one of its numbers, or the width of the range, is not finite.
    #[error("row {row} cannot be quantized: it has {found}, and must have a finite range")]
    NotQuantizable {
        /// The row.
        row: usize,
        /// The number; infinity if it is the width.
        found: f32,
    },

    /// An integer lies outside the range that its meaning allows.
    #[error("{what} must be in {low}..={high}, found {found}")]
    OutOfRange {
        /// The integer.
        what: &'static str,
        /// The least value allowed.
        low: i64,
        /// The greatest value allowed.
        high: i64,
        /// What was found.
        found: i64,
    },

    /// A weight is not a number of its precision.
    #[error(
        "{precision} weights must be in {low}..={high}, found {found} at depth {depth} of column {column}"
    )]
    Weight {
        /// The precision.
        precision: Precision,
        /// The least weight allowed.
        low: i32,
        /// The greatest weight allowed.
        high: i32,
        /// What was found.
        found: i32,
        /// Its depth; in a convolution it is `(ky · kernel width + kx) · channels + channel`.
        depth: usize,
        /// Its column, the output channel.
        column: usize,
    },

    /// A shape whose size overflows `usize`, or sizes that give no output.
    #[error("{what}: {why}")]
    Shape {
        /// The operation or operand.
        what: &'static str,
        /// What is wrong and what would be right.
        why: String,
    },

    /// What is wrong with one matrix of a batch.
    #[error("matrix {matrix} of the batch: {error}")]
    OfMatrix {
        /// The number of the matrix, counted from 0.
        matrix: usize,
        /// What is wrong with it.
        error: Box<Error>,
    },

    /// Rows of a matrix that is written overlap.
    #[error("rows of {what} overlap: the row stride {row_stride} is less than the {columns} columns")]
    Overlap {
        /// The matrix.
        what: &'static str,
        /// Elements from one row to the next.
        row_stride: usize,
        /// Elements of a row.
        columns: usize,
    },

    /// Saved weights that cannot be used.
    #[error("packed weights: {0}")]
    Packed(#[from] PackedError),
}

/// Why saved packed weights were refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PackedError {
    /// The bytes do not start with the magic number of packed weights.
    #[error("not packed weights: the first bytes are not `8bitpack`")]
    Magic,
    /// The format version is not supported.
    #[error("format version {found} cannot be read, only those up to {expected}: pack the weights again")]
    Version {
        /// The last version that can be read.
        expected: u32,
        /// The version found.
        found: u32,
    },
    /// There are fewer bytes than the header announces.
    #[error("truncated: {needed} bytes needed, {found} found")]
    Truncated {
        /// Bytes needed.
        needed: usize,
        /// Bytes found.
        found: usize,
    },
    /// A field of the header is invalid.
    #[error("damaged header: {0}")]
    Header(&'static str),
    /// The buffer that weights are shared with (a mapped file, say) is shorter than when they were loaded.
    #[error(
        "the buffer that they are shared with has become shorter since they were loaded: load them again"
    )]
    Shrunk,
    /// The checksum of the contents is not the one saved.
    #[error("damaged: checksum {found:08x} where {expected:08x} was saved")]
    Checksum {
        /// The checksum saved.
        expected: u32,
        /// The checksum of the bytes.
        found: u32,
    },
    /// The layout is not the one that the backend reads.
    #[error(
        "layout `{found}` is not the one that backend `{backend}` reads (`{expected}`): pack the weights for it"
    )]
    Layout {
        /// The layout that the backend reads.
        expected: String,
        /// The layout of the weights.
        found: String,
        /// The backend.
        backend: &'static str,
    },
}

fn at(index: Option<usize>) -> String {
    index.map_or_else(String::new, |index| format!(" in channel {index}"))
}
