//! Rows of activations, and how kernels find them.

mod addressing;
mod copies;
mod depth;
mod lhs;
mod padded_lines;
mod patches;
mod prepare;
mod regions;
mod scratch;
mod strided;
mod sums;

pub(super) use addressing::Addressing;
pub(super) use copies::{RowCopy, addressing, patch_addressing};
pub(super) use depth::{Depth, depth_of};
pub use lhs::Lhs;
pub(super) use padded_lines::{PADDED_BYTES, PaddedLines};
pub use patches::{PatchRows, Patches};
pub(super) use prepare::{MBlock, MBlockRows};
pub(super) use regions::Cursor;
pub use regions::PaddingElision;
pub(crate) use regions::{Region, Span};
pub(super) use scratch::{Parts, RowPointers, ScratchMap};
pub use strided::MatrixRows;
pub(super) use strided::point_rows;
#[cfg(target_arch = "x86_64")]
pub(crate) use sums::AddedRows;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
pub(crate) use sums::PLAIN_BYTES;
pub(crate) use sums::{PLAIN_I16, RowSums};
