//! Products, depthwise convolutions and smooth functions of `f32`, for the parts of a network that are not in eight bits.
//!
//! Sums run over the depth in order, from the bias on, in registers or by way of the output, and every product is added with one
//! rounding, but for depthwise convolutions that ask for two: a result does not depend on threads, blocks or backends. The portable backend has no instruction for that and takes many.

mod curves;
mod depthwise;
mod parts;
mod product;
mod rows;
mod softmax;
mod sums;
mod tile;
mod weights;

pub use curves::{Curve, apply_curve, curve_of};
pub use depthwise::{DepthwiseCall, Rounding, depthwise};
pub use product::{ProductCall, multiply};
pub use rows::Rows;
pub use softmax::softmax;
pub use sums::{squares, sum};
pub use weights::FloatWeights;

pub(crate) use curves::{CurveCall, curve};
pub(crate) use depthwise::{Run, run};
pub(crate) use softmax::{SoftmaxRow, softmax_row};
pub(crate) use sums::{Chunk, add_up};
pub(crate) use tile::{ROW_PANELS, ROW_VECTORS, Tile, tile};

use crate::simd::Simd;

/// The bounds of an activation; infinite where there is none. NaN stays NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// Least output value.
    pub low: f32,
    /// Greatest output value.
    pub high: f32,
}

impl Bounds {
    /// No bounds.
    pub const NONE: Self = Self { low: f32::NEG_INFINITY, high: f32::INFINITY };
}

/// The float kernels of a backend.
pub(crate) struct FloatOps {
    /// Floats of a vector.
    pub(crate) lanes: usize,
    /// By vectors less one, by rows less one: tiles of up to two vectors and as many rows as registers can hold.
    pub(crate) tiles: [&'static [unsafe fn(&Tile<'_>)]; 2],
    /// One row of [`ROW_PANELS`] panels.
    pub(crate) row: [unsafe fn(&Tile<'_>); 1],
    /// With one rounding for each product, with two.
    pub(crate) depthwise: [unsafe fn(&Run<'_>); 2],
    pub(crate) softmax: unsafe fn(&SoftmaxRow),
    pub(crate) curve: unsafe fn(&CurveCall),
    /// Of elements, and of squares.
    pub(crate) sums: [unsafe fn(&mut Chunk); 2],
}

/// `x` within the bounds, broadcast; NaN stays NaN, because of two equal or unordered floats these operations give the first.
#[inline(always)]
fn bounded<S: Simd>(simd: S, x: S::F, [low, high]: [S::F; 2]) -> S::F {
    simd.min_f(simd.max_f(x, low), high)
}

/// `VECTORS` vectors that lie side by side.
///
/// # Safety
///
/// `p` is valid for the reads.
#[inline(always)]
unsafe fn vectors<S: Simd, const VECTORS: usize>(simd: S, p: *const f32) -> [S::F; VECTORS] {
    let mut all = [simd.splat_f(0.0); VECTORS];
    for (v, vector) in all.iter_mut().enumerate() {
        // SAFETY: the caller's promise.
        *vector = unsafe { simd.load_f(p.add(v * S::LANES)) };
    }
    all
}
