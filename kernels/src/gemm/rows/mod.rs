//! Rows of activations, and how kernels find them.

mod lhs;
mod regions;
mod scratch;
mod widened;

pub(super) use lhs::{Addressing, point_rows};
pub use lhs::{Lhs, MatrixRows, PatchRows, Patches};
pub use regions::PaddingElision;
pub(crate) use regions::Span;
pub(super) use regions::{Cursor, Region};
pub(super) use scratch::{Depth, MBlock, MBlockRows, RowPointers, ScratchMap, depth_of};
pub(super) use widened::{addressing, patch_addressing};
