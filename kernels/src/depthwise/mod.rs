//! Depthwise convolution: every channel is filtered on its own.
//!
//! ```text
//! out[y][x][c] = stage( Σ_ky Σ_kx (in[y·s + ky·d − p][x·s + kx·d − p][c] − in_zero) · (w[ky][kx][c] − w_zero[c]) + bias[c] )
//! ```
//!
//! mod 2³², where the input outside the image is its zero point. A matrix multiplication would spend most of its work
//! on zeros here, so the kernels have another structure: a vector holds the channels of a pixel, and a 32-bit lane holds
//! one, two or four vertical taps of its channel, which the instruction set multiplies and adds at once
//! (`DepthwiseKernel::group`).
//!
//! 1. **Weights** are packed once ([`PackedTaps`]), with their zero points already subtracted: the differences fit
//!    `i16` always, `i8` mostly, and else a byte and a centre that the weights of a channel share; the packer takes the best
//!    kernel that can hold them.
//! 2. **Rows**: a kernel computes a run of output pixels of one row for a block of channels. It finds the input by one
//!    address for each row of taps; rows outside the image read a row of zero points, so nothing is copied.
//!    Or, on some backends, rows are first interleaved into a line buffer, once for all outputs that see them (`line_buffer`).
//! 3. **Epilogue**: as for a matrix multiplication, in registers ([`Stage`](crate::gemm::Stage)).

mod call;
mod driver;
mod generic;
mod kernel;
mod line_buffer;
#[cfg(target_arch = "x86_64")]
mod quad_line_buffer;
#[cfg(target_arch = "x86_64")]
mod quads;
#[cfg(target_arch = "x86_64")]
mod quads_kernel;
mod row;
mod weights;
mod work;

pub use call::Call;
pub use driver::{run, scratch_bytes, uses_line_buffer};
pub use weights::{PackedTaps, Taps, TapsError, TapsView};

pub(crate) use generic::{BLOCK as GENERIC_BLOCK, row as generic_row};
pub(crate) use kernel::DepthwiseKernel;
#[cfg(target_arch = "x86_64")]
pub(crate) use kernel::{ChannelOrder, Group, GroupBlock, LineBufferPasses};
pub(crate) use row::{Columns, Row, Source};

#[cfg(target_arch = "x86_64")]
pub(crate) use quad_line_buffer::{
    interleave as quads_interleave, multiply as quads_multiply,
    multiply_any_stage as quads_multiply_any_stage,
};
#[cfg(target_arch = "x86_64")]
pub(crate) use quads::{Interleave, Unpack, row as quads_row};
#[cfg(target_arch = "x86_64")]
pub(crate) use quads_kernel::quads_kernel;
