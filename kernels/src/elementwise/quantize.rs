//! From `f32` to eight bits, written once for every ISA. The quotient is that of a division, bit for bit, but with fused
//! multiply-adds it takes a quarter of the time.

use super::Quantize;
use super::generic::{Blocks, Buffers, TargetVectors, ToBytes};
use crate::prefetch::{PREFETCH_LEN, prefetch, prefetch_line};
use crate::simd::{Simd, array_of};

/// Scales for which [`Reciprocal`] neither overflows nor underflows where it matters.
const ORDINARY: core::ops::RangeInclusive<f32> = 1.0 / (1u64 << 60) as f32..=(1u64 << 60) as f32;

/// Quotients are clamped to this magnitude beforehand: more than any byte less its zero point.
const REACH: f32 = 1024.0;

/// Floats that the prefetch of a row is ahead at least.
const LEAST_AHEAD: usize = 1024;

/// Floats of a cache line.
const LINE_FLOATS: usize = 16;

/// Quantizes.
///
/// # Safety
///
/// As [`Code`](super::contract::Code), but for the features, which the token proves.
#[inline(always)]
pub(crate) unsafe fn quantize<S: Simd>(isa: S, call: &Quantize) {
    // SAFETY: the pointers are the caller's promise.
    unsafe {
        if S::FUSED && ORDINARY.contains(&call.scale) {
            let reciprocal = Reciprocal::new(isa, call.scale);
            // Within its reach no quotient passes what saturates, except for a narrower range.
            if call.target.saturates(REACH) {
                divide::<S, _, false>(isa, call, &reciprocal, Ahead::Here);
            } else {
                divide::<S, _, true>(isa, call, &reciprocal, Ahead::Here);
            }
        } else {
            divide::<S, _, true>(isa, call, &Scale { isa, scale: isa.splat_f(call.scale) }, Ahead::Here);
        }
    }
}

/// Quantizes a row whose quotients are known to be finite and to reach no further than [`REACH`], to a target that
/// [`saturates`](super::ByteTarget::saturates) there. Another row is expected to follow it in memory.
///
/// # Safety
///
/// As [`quantize`].
#[inline(always)]
pub(crate) unsafe fn quantize_row<S: Simd>(isa: S, call: &Quantize) {
    // SAFETY: the pointers are the caller's promise.
    unsafe {
        if S::FUSED && ORDINARY.contains(&call.scale) {
            divide::<S, _, false>(isa, call, &Within(Reciprocal::new(isa, call.scale)), Ahead::NextRow);
        } else {
            divide::<S, _, true>(isa, call, &Scale { isa, scale: isa.splat_f(call.scale) }, Ahead::NextRow);
        }
    }
}

/// What is prefetched.
#[derive(Clone, Copy)]
enum Ahead {
    /// What follows soon, in a tensor that comes from memory.
    Here,
    /// The same place in the next row of the input, or further on where rows are short.
    NextRow,
}

/// # Safety
///
/// As [`quantize`].
#[inline(always)]
unsafe fn divide<S: Simd, D: Divisor<S>, const LIMITED: bool>(
    isa: S,
    call: &Quantize,
    divisor: &D,
    ahead: Ahead,
) {
    // SAFETY: blocks lie inside the operands, or inside buffers that hold them.
    unsafe {
        let target = TargetVectors::<S, LIMITED>::new(isa, &call.target);
        let mut buffers = Buffers::EMPTY;
        let (from, to) = buffers.open::<S>(&call.tensors);
        for at in Blocks::new::<S>(call.tensors.len) {
            let lines = 0..(4 * S::LANES).div_ceil(LINE_FLOATS);
            match ahead {
                Ahead::Here if call.tensors.len >= PREFETCH_LEN => {
                    for line in lines {
                        prefetch(from.wrapping_add(at + line * LINE_FLOATS).cast());
                    }
                    prefetch(to.wrapping_add(at));
                }
                Ahead::Here => {}
                Ahead::NextRow => {
                    let next = call.tensors.input.wrapping_add(call.tensors.len.max(LEAST_AHEAD) + at);
                    for line in lines {
                        prefetch_line(next.wrapping_add(line * LINE_FLOATS).cast());
                    }
                }
            }
            let steps = array_of!(4, v => divisor.quotient(isa.load_f(from.add(at + v * S::LANES))));
            isa.store_bytes(to.add(at), target.bytes_in_order(steps));
        }
        buffers.close::<S>(&call.tensors);
    }
}

/// A divisor.
trait Divisor<S: Simd> {
    /// Of NaN it is 0.
    fn quotient(&self, x: S::F) -> S::F;
}

/// The scale itself.
struct Scale<S: Simd> {
    isa: S,
    scale: S::F,
}

impl<S: Simd> Divisor<S> for Scale<S> {
    #[inline(always)]
    fn quotient(&self, x: S::F) -> S::F {
        self.isa.div_f(self.isa.nan_to_zero(x), self.scale)
    }
}

/// `1 / scale`, as the sum of two floats.
struct Reciprocal<S: Simd> {
    isa: S,
    high: S::F,
    low: S::F,
    negative_scale: S::F,
    least: S::F,
    greatest: S::F,
}

impl<S: Simd> Reciprocal<S> {
    #[inline(always)]
    fn new(isa: S, scale: f32) -> Reciprocal<S> {
        let exact = 1.0 / f64::from(scale);
        let high = exact as f32;
        Reciprocal {
            isa,
            high: isa.splat_f(high),
            low: isa.splat_f((exact - f64::from(high)) as f32),
            negative_scale: isa.splat_f(-scale),
            least: isa.splat_f(-REACH * scale),
            greatest: isa.splat_f(REACH * scale),
        }
    }

    /// The float next to `x / scale`, ties to even, if its magnitude lies between 2⁻² and [`REACH`]; else a float that rounds to
    /// the same integer, or one beyond every byte on the same side.
    ///
    /// The product with both parts of the reciprocal is less than a unit in the last place from the quotient. Then the remainder
    /// is exact and its product with the reciprocal, which is rounded right, makes the quotient right (Markstein, Computation
    /// of elementary functions on the IBM RISC System/6000 processor, 1990).
    #[inline(always)]
    fn within(&self, x: S::F) -> S::F {
        let isa = self.isa;
        let quotient = isa.mul_add_f(x, self.high, isa.mul_f(x, self.low));
        let remainder = isa.mul_add_f(quotient, self.negative_scale, x);
        isa.mul_add_f(remainder, self.high, quotient)
    }
}

impl<S: Simd> Divisor<S> for Reciprocal<S> {
    #[inline(always)]
    fn quotient(&self, x: S::F) -> S::F {
        let isa = self.isa;
        self.within(isa.min_f(isa.max_f(isa.nan_to_zero(x), self.least), self.greatest))
    }
}

/// A reciprocal for quotients that reach no further than [`REACH`].
struct Within<S: Simd>(Reciprocal<S>);

impl<S: Simd> Divisor<S> for Within<S> {
    #[inline(always)]
    fn quotient(&self, x: S::F) -> S::F {
        self.0.within(x)
    }
}
