//! The pooling kernels, written once for every ISA.

use core::{ptr, slice};

use super::{Average, Maximum};
use crate::Element;
use crate::elementwise::generic::{TargetVectors, load};
use crate::simd::Simd;

/// Channels that the average is computed of at once.
const BLOCK: usize = 16;

/// The average of one window, `V = BLOCK / S::LANES`.
///
/// # Safety
///
/// As [`AverageFn`](super::AverageFn): the features of `S`, and the call's pointers.
#[inline(always)]
pub(crate) unsafe fn average<S: Simd, const V: usize, const SIGNED: bool>(call: &Average) {
    debug_assert_eq!(V * S::LANES, BLOCK);
    // SAFETY: whole blocks are inside the pixels; a partial one is read and written through buffers.
    unsafe {
        let target = TargetVectors::<S>::new(call.target);
        let (offset, scale) = (S::splat(call.offset), S::splat_f(call.scale));
        let mut first = 0;
        while first < call.channels {
            let channels = (call.channels - first).min(BLOCK);
            let mut sums = [offset; V];
            for tap in 0..call.count {
                let mut pixel = (*call.taps.add(tap)).add(first);
                let mut buffer = [0u8; BLOCK];
                if channels < BLOCK {
                    ptr::copy_nonoverlapping(pixel, buffer.as_mut_ptr(), channels);
                    pixel = buffer.as_ptr();
                }
                for (v, sum) in sums.iter_mut().enumerate() {
                    *sum = S::add(*sum, load::<S, SIGNED>(pixel.add(v * S::LANES)));
                }
            }
            let mut buffer = [0u8; BLOCK];
            let whole = channels == BLOCK;
            let out = if whole { call.out.add(first) } else { buffer.as_mut_ptr() };
            for (v, &sum) in sums.iter().enumerate() {
                target.store(S::mul_f(S::to_f32(sum), scale), out.add(v * S::LANES));
            }
            if !whole {
                ptr::copy_nonoverlapping(buffer.as_ptr(), call.out.add(first), channels);
            }
            first += BLOCK;
        }
    }
}

/// The maximum of one window: loops over bytes, which the compiler turns into vectors of the caller's features.
///
/// # Safety
///
/// As [`MaximumFn`](super::MaximumFn).
#[inline(always)]
pub(crate) unsafe fn maximum<T: Element>(call: &Maximum) {
    // SAFETY: taps and output hold `channels` elements each, and the output overlaps no tap; there is a first tap.
    unsafe {
        let out = slice::from_raw_parts_mut(call.out.cast::<T>(), call.channels);
        let tap = |index: usize| slice::from_raw_parts((*call.taps.add(index)).cast::<T>(), call.channels);
        let last = call.count - 1;
        greatest(out, tap(0), [tap(1.min(last)), tap(2.min(last)), tap(3.min(last))]);
        let mut next = 4;
        while next <= last {
            raise(
                out,
                [tap(next), tap((next + 1).min(last)), tap((next + 2).min(last)), tap((next + 3).min(last))],
            );
            next += 4;
        }
    }
}

#[inline(always)]
fn greatest<T: Element>(out: &mut [T], first: &[T], [a, b, c]: [&[T]; 3]) {
    for ((((out, &first), &a), &b), &c) in out.iter_mut().zip(first).zip(a).zip(b).zip(c) {
        *out = first.max(a).max(b.max(c));
    }
}

#[inline(always)]
fn raise<T: Element>(out: &mut [T], [a, b, c, d]: [&[T]; 4]) {
    for ((((out, &a), &b), &c), &d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
        *out = (*out).max(a.max(b)).max(c.max(d));
    }
}
