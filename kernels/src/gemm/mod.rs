//! General matrix multiplication of eight-bit matrices: the contract that every backend keeps.
//!
//! ```text
//! out[m][n] = stage( Σ_k (lhs[m][k] − lhs_zero) · (weights[k][n] − weight_zero[n]) + bias[n] )      mod 2³²
//! ```
//!
//! The steps of a call:
//!
//! 1. **Weights** are packed once into [`PackedPanels`]: panels of [`PANEL`] columns, canonical signed bytes.
//! 2. **Columns**: what depends on the column alone (bias, zero points, sums of weights) is folded into one vector of
//!    initial accumulators, once per plan ([`PackedPanels::initial_accumulators`]).
//! 3. **Rows** ([`Lhs`]) are addressed by pointers, one per row and k-segment, so that a strided matrix and the patches
//!    of a convolution look the same to a kernel. Bytes that can be read in place are not copied, but for signed
//!    ones that many columns read as unsigned: their top bits are flipped in the copy.
//! 4. **Tiles**: a kernel accumulates `rows × panels` dot products in registers over the whole depth, and
//! 5. the **epilogue** takes them to the output's type in registers, before the only store ([`Stage`]).
//!
//! A backend with a matrix unit multiplies large products on it instead of by tiles of vectors: steps 1 to 3 are the same (`matrix_unit`).
//!
//! All arithmetic is mod 2³², so offsets that a backend adds to make operands fit its instructions (`u8 ↔ i8` by
//! flipping the top bit) cancel exactly.

mod call;
#[cfg(feature = "testing")]
pub mod coverage;
mod driver;
pub(crate) mod groupwise;
mod m_block;
#[cfg_attr(
    not(target_arch = "x86_64"),
    allow(dead_code, reason = "only x86-64 has a backend with a matrix unit")
)]
mod matrix_unit;
mod memo;
mod narrow;
mod output;
mod rows;
mod small;
mod stage;
mod tile;
mod tiling;
pub(crate) mod variant;
mod weights;

pub use call::{Border, Call, RowZeros};
pub use groupwise::{
    GROUP_STEP, GROUPWISE_COLUMNS, GroupTerms, GroupwiseCall, groupwise_scratch_bytes, groupwise_tiling,
    run_groupwise,
};
pub use matrix_unit::Permission;
pub use memo::TilingMemo;
pub use narrow::{run, scratch_bytes};
pub use output::{OutputBatch, OutputBlock};
pub use rows::{Lhs, MatrixRows, PaddingElision, PatchRows, Patches};
pub use stage::{Stage, StageRef};
pub use tiling::{Tiling, WeightsPath, best_elision, tiling};
pub use weights::{
    Activations, ColumnTerms, Layout, LentColumns, LentPanels, MAX_EMPTY_COLUMNS, PANEL, PackedPanels,
    PanelError, PanelShape, Panels, SavedShape, WeightView,
};

pub(crate) use groupwise::{Depths, GroupTile, GroupTileRows, groupwise_tile, groupwise_tiles};
#[cfg(target_arch = "x86_64")]
pub(crate) use matrix_unit::{MAX_TILES, TILE, UnitBlock, UnitDepth, UnitShape};
pub(crate) use matrix_unit::{MatrixUnit, ProductSize};
#[cfg(target_arch = "x86_64")]
pub(crate) use rows::AddedRows;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
pub(crate) use rows::PLAIN_BYTES;
pub(crate) use rows::{PLAIN_I16, Region, RowSums, Span};
pub(crate) use stage::RawStage;
#[cfg(target_arch = "x86_64")]
pub(crate) use tile::folded;
pub(crate) use tile::{Finish, Step, Tile, TileZeros, down, finish, for_each_row, in_memory};
#[cfg(target_arch = "x86_64")]
pub(crate) use tile::{
    are_below_one, dot4, finish_sums, requantize, requantize_fixed, requantize_saturating,
};
pub(crate) use variant::{ByteRows, CopyRows, LhsForm, MAX_ROWS, TileCost, TileRows, Variant};
#[cfg(target_arch = "x86_64")]
pub(crate) use variant::{Folded, Property};
pub(crate) use weights::{Unfold, unfold};
