//! From `f32` to eight bits, written once for every ISA. The quotient is that of a division, bit for bit, but with fused
//! multiply-adds it takes a quarter of the time.

use super::Quantize;
use super::generic::{Blocks, Buffer, TargetVectors, ToBytes};
use crate::prefetch::{PREFETCH_LEN, prefetch};
use crate::simd::{Simd, array_of};

/// Scales for which [`Reciprocal`] neither overflows nor underflows where it matters.
const ORDINARY: core::ops::RangeInclusive<f32> = 1.0 / (1u64 << 60) as f32..=(1u64 << 60) as f32;

/// What quotients are clamped to beforehand: more than any byte less its zero point.
const REACH: f32 = 1024.0;

/// Floats of a cache line.
const LINE_FLOATS: usize = 16;

/// Quantizes.
///
/// # Safety
///
/// As [`QuantizeFn`](super::QuantizeFn): the features of `S`, and the call's pointers.
#[inline(always)]
pub(crate) unsafe fn quantize<S: Simd>(call: &Quantize) {
    // SAFETY: the features are the caller's promise.
    unsafe {
        if S::FUSED && ORDINARY.contains(&call.scale) {
            let reciprocal = Reciprocal::<S>::new(call.scale);
            // Within its reach no quotient passes what saturates, except for a narrower range.
            if call.target.saturates(REACH) {
                divide::<S, Reciprocal<S>, false>(call, &reciprocal);
            } else {
                divide::<S, Reciprocal<S>, true>(call, &reciprocal);
            }
        } else {
            divide::<S, Scale<S>, true>(call, &Scale(S::splat_f(call.scale)));
        }
    }
}

/// # Safety
///
/// As [`quantize`].
#[inline(always)]
unsafe fn divide<S: Simd, D: Divisor<S>, const LIMITED: bool>(call: &Quantize, divisor: &D) {
    // SAFETY: blocks lie inside the operands, or inside buffers that hold them.
    unsafe {
        let target = TargetVectors::<S, LIMITED>::new(&call.target);
        let (mut input, mut out) = (Buffer::<f32>::EMPTY, Buffer::<u8>::EMPTY);
        let (from, to) = (input.reader::<S>(call.input, call.len), out.writer::<S>(call.out, call.len));
        for at in Blocks::new::<S>(call.len) {
            if call.len >= PREFETCH_LEN {
                for line in 0..(4 * S::LANES).div_ceil(LINE_FLOATS) {
                    prefetch(from.wrapping_add(at + line * LINE_FLOATS).cast());
                }
                prefetch(to.wrapping_add(at));
            }
            let steps = array_of!(4, v => {
                divisor.quotient(S::nan_to_zero(S::load_f(from.add(at + v * S::LANES))))
            });
            S::store_bytes(to.add(at), target.bytes_in_order(steps));
        }
        out.flush::<S>(call.out, call.len);
    }
}

/// What can be divided by.
trait Divisor<S: Simd> {
    /// # Safety
    ///
    /// The features of `S`; `x` is not NaN.
    unsafe fn quotient(&self, x: S::F) -> S::F;
}

/// The scale itself.
struct Scale<S: Simd>(S::F);

impl<S: Simd> Divisor<S> for Scale<S> {
    #[inline(always)]
    unsafe fn quotient(&self, x: S::F) -> S::F {
        // SAFETY: the caller's promise.
        unsafe { S::div_f(x, self.0) }
    }
}

/// `1 / scale`, as the sum of two floats.
struct Reciprocal<S: Simd> {
    high: S::F,
    low: S::F,
    negative_scale: S::F,
    least: S::F,
    greatest: S::F,
}

impl<S: Simd> Reciprocal<S> {
    /// # Safety
    ///
    /// The features of `S`.
    #[inline(always)]
    unsafe fn new(scale: f32) -> Reciprocal<S> {
        let exact = 1.0 / f64::from(scale);
        let high = exact as f32;
        // SAFETY: the caller's promise.
        unsafe {
            Reciprocal {
                high: S::splat_f(high),
                low: S::splat_f((exact - f64::from(high)) as f32),
                negative_scale: S::splat_f(-scale),
                least: S::splat_f(-REACH * scale),
                greatest: S::splat_f(REACH * scale),
            }
        }
    }
}

impl<S: Simd> Divisor<S> for Reciprocal<S> {
    /// The float next to `x / scale`, ties to even, if its magnitude lies between 2⁻² and [`REACH`]; else a float that rounds to
    /// the same integer, or one beyond every byte on the same side.
    ///
    /// The product with both parts of the reciprocal is less than a unit in the last place from the quotient. Then the remainder
    /// is exact and its product with the reciprocal, which is rounded right, makes the quotient right (Markstein, Computation
    /// of elementary functions on the IBM RISC System/6000 processor, 1990).
    #[inline(always)]
    unsafe fn quotient(&self, x: S::F) -> S::F {
        // SAFETY: the caller's promise.
        unsafe {
            let x = S::min_f(S::max_f(x, self.least), self.greatest);
            let quotient = S::mul_add_f(x, self.high, S::mul_f(x, self.low));
            let remainder = S::mul_add_f(quotient, self.negative_scale, x);
            S::mul_add_f(remainder, self.high, quotient)
        }
    }
}
