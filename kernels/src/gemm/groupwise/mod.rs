//! Products with weights that have a scale, and maybe a zero point, for each group of depths of each column.
//!
//! ```text
//! dot[m][n][g] = Σ_{k in group g} (lhs[m][k] − lhs_zero[m]) · (weights[k][n] − weight_zero[n][g])          mod 2³²
//! acc = +0; for g ascending: acc = fma(f32(dot[m][n][g]), scale[n][g], acc)
//! out[m][n] = clamp(acc · row_scale[m] + bias[n])                                    each step rounded on its own
//! ```
//!
//! The panels are those of weights with a scale for each column: groups are whole groups of depths of a layout, so they are parts of a
//! panel. What a column has by group lies beside, in the order in which tiles read it ([`GroupTerms`]).
//!
//! A kernel (a [`GroupTile`]) keeps two accumulators for each output: integers over a group, and floats over the depth. All of it is
//! written once; a variant gives the products of some depths ([`Depths`]), which is all that depends on the order and the number of bits
//! of the weights.
//!
//! Zero points are taken out in integers, a *block* of [`BLOCK`] depths at a time, by one instruction where the ISA adds products of pairs:
//! of a column there are the sum of the block's weights and their zero point, of a row the zero point and the sum of its activations, each
//! less the zero point. Where no weight has a zero point, the sum is enough.
//!
//! Where several tiles of rows are multiplied with the same panels, each prefetches its share of the panels that come next: weights are read
//! from memory while others are multiplied.

use crate::gemm::PANEL;

mod call;
mod driver;
mod terms;
pub(crate) mod tile;

pub use call::GroupwiseCall;
pub use driver::{groupwise_scratch_bytes, groupwise_tiling, run_groupwise};
pub use terms::{GROUP_STEP, GroupTerms};
pub(crate) use tile::{Depths, GroupTile, GroupTileRows, groupwise_tile, groupwise_tiles};

/// Depths of a block, the last of a group excepted: few enough that sums of bytes, and of bytes less a zero point, fit an `i16`.
pub(crate) const BLOCK: usize = 128;

/// Panels whose scales of a group lie side by side, and so do their sums and pairs: tiles are as wide at most.
pub(crate) const QUAD: usize = 4;

/// Columns that tasks should not divide: those of the widest tiles.
pub const GROUPWISE_COLUMNS: usize = QUAD * PANEL;

/// Where what a panel has by group begins, of which there are `count` for each column: `[quad][group][panel in quad][PANEL]`.
#[inline(always)]
pub(crate) fn place(panel: usize, count: usize) -> usize {
    (panel / QUAD * count * QUAD + panel % QUAD) * PANEL
}

/// A pair of `i16`s in a lane, as [`Simd::dot_pairs`](crate::simd::Simd::dot_pairs) takes it.
#[inline]
fn pair(first: i32, second: i32) -> i32 {
    debug_assert!([first, second].iter().all(|&x| i16::try_from(x).is_ok()), "{first} and {second}");
    first & 0xffff | second << 16
}
