//! Products of signs: matrix multiplication and convolution whose activations and weights are +1 or −1, a bit each.
//!
//! **A bit is set where the number is less than 0**: +1, +0 and −0 are 0, −1 is 1. Element `i` of a row is bit `i % 8` of byte `i / 8`, and rows
//! (of a matrix, or the channels of a pixel, NHWC) take whole words of 64 bits: [`row_bytes`], filled with zeros. [`pack_signs`] makes such
//! rows of floats.
//!
//! ```text
//! sum[m][n] = Σ_k a[m][k] · w[n][k] + bias[n] = depth − 2 · #{k : a[m][k] ≠ w[n][k]} + bias[n]
//! ```
//!
//! The sum is exact, in `i32` (mod 2³² with a bias), and goes through any [`Stage`](crate::Stage), or becomes a bit again: with [`Thresholds`],
//! `bit[n] = (sum < threshold[n]) ≠ flip[n]`. These are found from the float operations that the network has between two products (scale, bias,
//! normalization, sign), so that the bits are those of that chain.
//!
//! Elements outside of an image are +1 ([`Outside::Ones`]), or have no part in the sum ([`Outside::Nothing`]).
//!
//! A first layer, whose input is no sign, is an eight-bit product with weights of 1 and −1.

mod call;
mod conv;
mod gemm;
mod pool;
mod signs;
mod stage;
mod thresholds;
mod weights;

pub use conv::{BinaryConv2d, Outside};
pub use eightbit_kernels::binary::{MAX_DEPTH, row_bytes};
pub use gemm::BinaryGemm;
pub use pool::BinaryMaxPool2d;
pub use signs::{pack_signs, sign, unpack_signs};
pub use stage::BinaryStage;
pub use thresholds::Thresholds;
pub use weights::BinaryWeights;
