//! The epilogue: from accumulators to outputs.

#[cfg(not(any(feature = "std", test)))]
use crate::float::F32 as _;
use crate::{Dequantize, FixedPoint, Multiplier, Requantize};

/// The output for accumulator `acc` of channel `n`.
///
/// `F32`: `f32(acc)` (nearest, ties to even) times the scale (one multiplication), clamped in float to
/// `[low − zero_point, high − zero_point]`, rounded to nearest, ties to even, plus the zero point.
/// `Fixed`: see [`Multiplier::Fixed`]; clamped likewise, plus the zero point.
///
/// # Panics
///
/// If channel `n` does not exist.
#[must_use]
pub fn requantize(acc: i32, requantize: &Requantize, n: usize) -> i32 {
    let zero_point = requantize.zero_point;
    let (low, high) = (requantize.clamp.0 - zero_point, requantize.clamp.1 - zero_point);
    let steps = match &requantize.multiplier {
        Multiplier::F32(scale) => {
            let scaled = acc as f32 * scale.of(n);
            scaled.clamp(low as f32, high as f32).round_ties_even() as i32
        }
        Multiplier::Fixed(multiplier) => fixed_point(acc, multiplier.of(n)).clamp(low, high),
    };
    steps + zero_point
}

/// `MultiplyByQuantizedMultiplier` of TensorFlow Lite (`kernels/internal/common.h`, double rounding), after gemmlowp's
/// `fixedpoint.h`: shift left (mod 2³²), saturating rounding doubling high multiplication, rounding division by a power
/// of two, ties away from zero.
fn fixed_point(acc: i32, multiplier: FixedPoint) -> i32 {
    let left = multiplier.shift.max(0);
    let right = (-multiplier.shift).max(0);
    let shifted = acc.wrapping_shl(left.unsigned_abs());
    let doubled = 2 * i128::from(shifted) * i128::from(multiplier.mantissa);
    let high = ((doubled + (1 << 31)) >> 32).min(i32::MAX.into());
    let magnitude = high.unsigned_abs();
    let half = if right == 0 { 0 } else { 1u128 << (right - 1) };
    let rounded = ((magnitude + half) >> right) as i128;
    (if high < 0 { -rounded } else { rounded }) as i32
}

/// The output for accumulator `acc` of channel `n`; `row_scale` is the row's scale, if any.
///
/// Every step is rounded on its own: `f32(acc)`, `· scale[n]`, `· row_scale`, `+ bias[n]`; then the clamp.
///
/// # Panics
///
/// If channel `n` does not exist.
#[must_use]
pub fn dequantize(acc: i32, dequantize: &Dequantize, row_scale: Option<f32>, n: usize) -> f32 {
    let mut x = acc as f32 * dequantize.scale.of(n);
    if let Some(row_scale) = row_scale {
        x *= row_scale;
    }
    if let Some(bias) = &dequantize.bias {
        x += bias[n];
    }
    x.clamp(dequantize.clamp.0, dequantize.clamp.1)
}
