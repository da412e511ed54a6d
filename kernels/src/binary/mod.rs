//! Matrix multiplication and convolution of matrices whose elements are +1 and −1, a bit each.
//!
//! ```text
//! out[m][n] = stage( init[n] − 2 · #{k : lhs[m][k] ≠ weights[k][n]} )
//! ```
//!
//! A bit is set where the element is −1, so with `init[n]` the depth the sum is that of the products. Bits lie in bytes, the first one in the
//! lowest bit, and rows of them are filled with zeros to [whole words](row_bytes) of 64 bits. Zeros on both sides do not differ: they
//! add nothing.
//!
//! 1. **Weights** are packed once into [`BitPanels`], in the order of the kernel that the CPU runs best.
//! 2. **Rows** are those of a matrix, or the patches of an image ([`BitPatches`]), which is copied with its padding line by line:
//!    bits are few.
//! 3. **Tiles** (`kernel`) count the bits that differ in registers, over the whole depth, and
//! 4. the **epilogue** is that of eight-bit products, or compares with a threshold and stores bits ([`BitStage`]).

mod call;
mod driver;
pub(crate) mod kernel;
mod panels;
mod patches;
mod signs;
mod strip;
mod tile;

pub use call::{BitCall, BitMatrix, BitRows, BitStage};
pub use driver::{run, scratch_bytes};
pub use panels::BitPanels;
pub use patches::{BitGeometry, BitPatches, Outside};
pub use signs::pack_signs;

pub(crate) use kernel::{BitKernel, BitLayout, bit_tiles};
pub(crate) use signs::{Signs, pack_signs_on};
pub(crate) use tile::{BitTile, CountBits, Counts, bit_tile};

/// The deepest products: their sums are less than 2³⁰ either way, so that the difference of two fits `i32`.
pub const MAX_DEPTH: usize = (1 << 30) - 1;

/// Bytes that a row of this many bits takes.
#[must_use]
pub const fn row_bytes(bits: usize) -> usize {
    bits.div_ceil(64) * 8
}
