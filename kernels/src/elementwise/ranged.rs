//! From `f32` to eight bits over the range that the floats have: what dynamic quantization does to a tensor, a row or a block.

use core::slice;

use super::contract::check_bytes;
use super::range::range_of;
use super::{Map, Quantize, Target, quantize};
use crate::simd::Simd;
use crate::{Backend, ElementType, OutputElement};

/// How codes are laid over the range of floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// All codes over the range from the least to the greatest float, widened to hold 0:
    /// `scale = (greatest − least) / 255`, `zero = rne(clamp(0 − least / scale, 0, 255)) + lowest`, where `lowest` is the lowest code.
    Range,
    /// All codes but the lowest over the range between the greatest magnitude and its negative, with 0 in the middle:
    /// `scale = magnitude / 127`, `zero = lowest + 128`.
    Magnitude,
}

/// A scale and a zero point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps {
    /// What a step is worth: finite, > 0.
    pub scale: f32,
    /// The code of 0.
    pub zero: i32,
}

impl Spread {
    /// The steps over the range from `least ≤ 0` to `greatest ≥ 0`, which are finite, of codes from `lowest` on; `None` if the
    /// difference overflows. Where the formula's scale is 0, because all floats are or are as good as 0, it is 1.
    #[inline]
    #[must_use]
    pub fn steps(self, least: f32, greatest: f32, lowest: i32) -> Option<Steps> {
        let scale = match self {
            Spread::Range => (greatest - least) / 255.0,
            Spread::Magnitude => greatest.max(-least) / 127.0,
        };
        let scale = if scale == 0.0 { 1.0 } else { scale };
        let above = match self {
            Spread::Range => rounded((0.0 - least / scale).clamp(0.0, 255.0)),
            Spread::Magnitude => 128,
        };
        scale.is_finite().then_some(Steps { scale, zero: lowest + above })
    }

    /// The codes from `lowest` to `lowest + 255` that it uses.
    fn codes(self, lowest: i32) -> (i32, i32) {
        (lowest + i32::from(self == Spread::Magnitude), lowest + 255)
    }
}

/// The integer nearest to `x`, ties to even, for `0 ≤ x ≤ 255`.
fn rounded(x: f32) -> i32 {
    // Between 2²³ and 2²⁴ the floats are the integers.
    const INTEGERS: f32 = (1 << 23) as f32;
    (x + INTEGERS - INTEGERS) as i32
}

/// Quantizes `x` to codes over its range, and returns their steps. `None`, with nothing written, if a float or the width of the range is
/// not finite.
///
/// # Panics
///
/// If lengths differ, or the output is not of bytes.
pub fn quantize_range<O: OutputElement>(
    backend: Backend,
    spread: Spread,
    x: &[f32],
    out: &mut [O],
) -> Option<Steps> {
    assert_eq!(x.len(), out.len(), "output of another length");
    check_bytes::<O>();
    let tensors = Map { input: x.as_ptr(), out: out.as_mut_ptr().cast(), len: out.len() };
    // SAFETY: input and output of the same length; the backend exists, so its features do.
    unsafe { (backend.entry().ops.quantize_range)(&QuantizeRange { tensors, spread, output: O::TYPE }) }
}

/// From floats to bytes over the range of the floats.
pub(crate) struct QuantizeRange {
    tensors: Map<f32, u8>,
    spread: Spread,
    /// `U8` or `I8`.
    output: ElementType,
}

/// Computes a call.
///
/// # Safety
///
/// As [`Code`](super::contract::Code), but for the features, which the token proves.
#[inline(always)]
pub(crate) unsafe fn quantize_over<S: Simd>(isa: S, call: &QuantizeRange) -> Option<Steps> {
    let &QuantizeRange { tensors, spread, output } = call;
    let (lowest, _) = output.integer_range();
    // SAFETY: the caller's promise.
    let (least, greatest) = range_of(isa, unsafe { slice::from_raw_parts(tensors.input, tensors.len) })?;
    let steps = spread.steps(least, greatest, lowest)?;
    let (low, high) = spread.codes(lowest);
    let target = Target { zero_point: steps.zero, low, high }.to_bytes_of(output);
    // SAFETY: the caller's promise. The scale is finite and greater than 0, and no float is further from 0 than 255 steps and a
    // rounding; where the scale rounds to a number below the normal ones, it is divided by, and the quotient may be greater.
    unsafe { quantize::quantize_row(isa, &Quantize { tensors, scale: steps.scale, target }) };
    Some(steps)
}
