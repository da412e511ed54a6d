//! Tiles: what the driver promises to a kernel, and what kernels share.

mod contract;
#[cfg(target_arch = "x86_64")]
pub(crate) mod dot4;
mod epilogue;
#[cfg(target_arch = "x86_64")]
pub(crate) mod folded;

pub(crate) use contract::{Finish, Step, Tile, TileZeros, down};
#[cfg(target_arch = "x86_64")]
pub(crate) use epilogue::{are_below_one, finish_sums, requantize, requantize_fixed, requantize_saturating};
pub(crate) use epilogue::{finish, for_each_row, in_memory};
