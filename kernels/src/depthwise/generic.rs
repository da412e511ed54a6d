//! The depthwise kernel of every ISA that has no better one: one tap at a time, 32-bit products.

use core::ptr;

use super::Row;
use crate::gemm::finish;
use crate::simd::Simd;

/// Channels of a block.
pub(crate) const BLOCK: usize = 16;

/// Computes a [`Row`] of weights in groups of one, natural order, blocks of [`BLOCK`] channels that may be partial.
/// `V` is `BLOCK / S::LANES`.
///
/// # Safety
///
/// As [`RowFn`](super::RowFn), but for the features, which the token proves.
#[inline(always)]
pub(crate) unsafe fn row<S: Simd, const V: usize, const SIGNED: bool>(isa: S, call: &Row) {
    debug_assert_eq!(V * S::LANES, BLOCK);
    // SAFETY: weights, initial accumulators and stage are padded to whole blocks; activations of a partial block are read
    // through a buffer; `finish` writes `channels` elements of each output pixel only.
    unsafe {
        for x in 0..call.outputs {
            let mut acc = [isa.splat(0); V];
            for (v, acc) in acc.iter_mut().enumerate() {
                *acc = isa.load(call.init.add(v * S::LANES));
            }
            let mut weights = call.weights.cast::<i32>();
            let mut column = call.column + (x * call.stride).cast_signed();
            for _ in 0..call.kernel[1] {
                for ky in 0..call.kernel[0] {
                    let mut tap = call.tap(ky, column);
                    let mut buffer = [0u8; BLOCK];
                    if call.channels < BLOCK {
                        ptr::copy_nonoverlapping(tap, buffer.as_mut_ptr(), call.channels);
                        tap = buffer.as_ptr();
                    }
                    for (v, acc) in acc.iter_mut().enumerate() {
                        let at = tap.add(v * S::LANES);
                        let activations = isa.load_extended::<SIGNED>(at);
                        *acc =
                            isa.add(*acc, isa.mul(activations, load_weights(isa, weights.add(v * S::LANES))));
                    }
                    weights = weights.add(BLOCK);
                }
                column += call.dilation.cast_signed();
            }
            finish(isa, [acc], &call.tile::<1>(x, &call.output_offsets()));
        }
    }
}

/// Loads a vector of weights, which are little-endian on every machine.
///
/// # Safety
///
/// `weights` is valid for a vector.
#[inline(always)]
unsafe fn load_weights<S: Simd>(isa: S, weights: *const i32) -> S::I {
    // SAFETY: the caller promises the vector, which has at most BLOCK lanes.
    unsafe {
        if cfg!(target_endian = "little") {
            return isa.load(weights);
        }
        let mut lanes = [0; BLOCK];
        for (lane, value) in lanes.iter_mut().enumerate().take(S::LANES) {
            *value = i32::from_le(weights.add(lane).read_unaligned());
        }
        isa.load(lanes.as_ptr())
    }
}
