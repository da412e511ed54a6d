//! Depthwise convolution on columns of four taps, for instruction sets with `vpdpbusd`.
//!
//! The bytes of four rows are interleaved, so that a 32-bit lane holds four vertical taps of one channel, which one
//! instruction multiplies with the channel's weights and adds. A column of taps is interleaved once, for all outputs of
//! the row that see it; of kernels higher than four rows once for all outputs of the image (`quad_line_buffer`). Interleaving
//! leaves the channels in another order ([`ChannelOrder::Unpacked`](super::ChannelOrder::Unpacked)), in which weights are
//! packed, and which packing the result to bytes undoes.

use super::{Columns, Row};
use crate::gemm::{RawStage, finish};
use crate::simd::{ByteLimits, Simd};

/// Vectors of bytes that are interleaved within units of 128 bits.
///
/// # Safety
///
/// Every function requires the CPU features of the implementation. Implementations must do what the descriptions say.
pub(crate) unsafe trait Interleave: Simd {
    /// Bytes of a vector: `4 · LANES`.
    const BYTES: usize;

    /// The first `count` bytes at `p`; no others are read, and the rest of the vector is 0. `count` may only be less than `BYTES`
    /// if the kernel's blocks may be partial.
    unsafe fn load_bytes(p: *const u8, count: usize) -> Self::I;
    /// Flips the top bit of every byte.
    unsafe fn flip(bytes: Self::I) -> Self::I;
    /// In each unit, four rows of 16 bytes become 16 columns of 4 bytes: the quarters of all units, by quarter.
    unsafe fn interleave(rows: [Self::I; 4]) -> [Self::I; 4];
    /// `acc + Σ a·w` over the four bytes of each lane, `a` unsigned and `w` signed, without saturation.
    unsafe fn dot(acc: Self::I, a: Self::I, w: Self::I) -> Self::I;
    /// Four vectors of lanes in natural order, as interleaved quarters.
    unsafe fn to_quarters(vectors: [Self::I; 4]) -> [Self::I; 4];
    /// As `to_quarters`.
    unsafe fn to_quarters_f(vectors: [Self::F; 4]) -> [Self::F; 4];
    /// The inverse of `to_quarters`.
    unsafe fn to_natural(quarters: [Self::I; 4]) -> [Self::I; 4];
    /// Stores the first `count` bytes of [`narrow`](Simd::narrow)ed interleaved quarters, in natural order. `count` as in
    /// `load_bytes`.
    unsafe fn store_narrow(p: *mut u8, quarters: [Self::I; 4], limits: &ByteLimits<Self>, count: usize);
}

/// Computes a [`Row`] of weights in groups of four, unpacked order, in blocks of `S::BYTES` channels.
///
/// # Safety
///
/// As [`RowFn`](super::RowFn): the features of `S`, and the row's pointers; the block is whole unless `S` masks.
#[inline(always)]
pub(crate) unsafe fn row<S: Interleave, const SIGNED: bool>(call: &Row) {
    // SAFETY: the caller's promises, handed on.
    unsafe {
        match ToBytes::<S>::new(call) {
            Some(sink) => by_shape::<S, _, SIGNED>(call, sink),
            None => by_shape::<S, _, SIGNED>(call, AnyStage(call)),
        }
    }
}

/// Where the accumulators of output pixel `x`, at `out`, go.
pub(super) trait Sink<S: Interleave>: Copy {
    /// # Safety
    ///
    /// The features of `S`; `x` is an output of the row and `out` its address.
    unsafe fn put(&self, acc: [S::I; 4], x: usize, out: *mut u8);
}

/// [`RawStage::Requantize`], its vectors reordered once for the row.
#[derive(Clone, Copy)]
pub(super) struct ToBytes<'a, S: Interleave> {
    scale: [S::F; 4],
    high: S::F,
    limits: ByteLimits<S>,
    call: &'a Row,
}

impl<'a, S: Interleave> ToBytes<'a, S> {
    /// # Safety
    ///
    /// The features of `S`; the stage is a block's.
    #[inline(always)]
    pub(super) unsafe fn new(call: &'a Row) -> Option<ToBytes<'a, S>> {
        let RawStage::Requantize { scale, high, range } = call.stage else { return None };
        // SAFETY: the features of `S`; factors are padded to whole vectors of those that the block's channels begin.
        unsafe {
            let mut scales = [S::splat_f(0.0); 4];
            for (v, vector) in scales.iter_mut().enumerate() {
                if v * S::LANES < call.channels {
                    *vector = S::load_f(scale.add(v * S::LANES));
                }
            }
            let (scale, high) = (S::to_quarters_f(scales), S::splat_f(high));
            Some(ToBytes { scale, high, limits: S::byte_limits(range), call })
        }
    }
}

impl<S: Interleave> Sink<S> for ToBytes<'_, S> {
    #[inline(always)]
    unsafe fn put(&self, mut acc: [S::I; 4], _: usize, out: *mut u8) {
        // SAFETY: the features of `S`; `channels` bytes of output belong to the block.
        unsafe {
            for (x, &scale) in acc.iter_mut().zip(&self.scale) {
                *x = S::round(S::min_f(S::mul_f(S::to_f32(*x), scale), self.high));
            }
            S::store_narrow(out, acc, &self.limits, self.call.channels);
        }
    }
}

/// The other stages, by way of the epilogue that all kernels share.
#[derive(Clone, Copy)]
pub(super) struct AnyStage<'a>(pub(super) &'a Row);

impl<S: Interleave> Sink<S> for AnyStage<'_> {
    #[inline(always)]
    unsafe fn put(&self, acc: [S::I; 4], x: usize, _: *mut u8) {
        // SAFETY: the features of `S`; an output of the row. The stage's slices are read by whole vectors that contain
        // channels of the block; the slices are padded to these.
        unsafe {
            let [a, b, c, d] = S::to_natural(acc);
            let output_offsets = self.0.output_offsets::<1>();
            let tile = self.0.tile(x, &output_offsets);
            match self.0.channels.div_ceil(S::LANES) {
                1 => finish::<S, 1, 1>([[a]], &tile),
                2 => finish::<S, 1, 2>([[a, b]], &tile),
                3 => finish::<S, 1, 3>([[a, b, c]], &tile),
                _ => finish::<S, 1, 4>([[a, b, c, d]], &tile),
            }
        }
    }
}

/// # Safety
///
/// As [`row`].
#[inline(always)]
unsafe fn by_shape<S: Interleave, K: Sink<S>, const SIGNED: bool>(call: &Row, sink: K) {
    // SAFETY: the caller's promises, handed on.
    unsafe {
        let init = initial::<S>(call);
        match (call.kernel, call.stride, call.dilation) {
            ([3, 3], 1, 1) => three_by_three::<S, K, SIGNED, 1>(call, sink, init),
            ([3, 3], 2, 1) => three_by_three::<S, K, SIGNED, 2>(call, sink, init),
            _ => any_shape::<S, K, SIGNED>(call, sink, init),
        }
    }
}

/// The initial accumulators of a block.
///
/// # Safety
///
/// As [`row`].
#[inline(always)]
pub(super) unsafe fn initial<S: Interleave>(call: &Row) -> [S::I; 4] {
    // SAFETY: the features of `S`; initial accumulators are padded as the stage is.
    unsafe {
        let mut init = [S::splat(0); 4];
        for (v, vector) in init.iter_mut().enumerate() {
            if v * S::LANES < call.channels {
                *vector = S::load(call.init.add(v * S::LANES));
            }
        }
        S::to_quarters(init)
    }
}

/// Columns are visited once, left to right: each adds to the outputs that it is a right, middle or left tap of.
#[inline(always)]
unsafe fn three_by_three<S: Interleave, K: Sink<S>, const SIGNED: bool, const STRIDE: usize>(
    call: &Row,
    sink: K,
    init: [S::I; 4],
) {
    // SAFETY: twelve vectors of weights; the columns are those of the row's taps, and each row of them has the block's
    // channels (see `Columns`).
    unsafe {
        let at = call.weights.cast::<i32>();
        let mut weights = [init; 3];
        for (kx, weights) in weights.iter_mut().enumerate() {
            *weights = load_weights::<S>(at.add(kx * S::BYTES));
        }
        let mut columns = Columns::<3>::new(call);
        let mut out = call.out;
        if STRIDE == 1 {
            let first = column::<S, SIGNED>(columns.next(), call.channels);
            let second = column::<S, SIGNED>(columns.next(), call.channels);
            let mut two_done = dots::<S>(dots::<S>(init, first, weights[0]), second, weights[1]);
            let mut one_done = dots::<S>(init, second, weights[0]);
            for x in 0..call.outputs {
                let column = column::<S, SIGNED>(columns.next(), call.channels);
                sink.put(dots::<S>(two_done, column, weights[2]), x, out);
                two_done = dots::<S>(one_done, column, weights[1]);
                one_done = dots::<S>(init, column, weights[0]);
                out = out.wrapping_add(call.out_stride);
            }
        } else {
            let mut one_done =
                dots::<S>(init, column::<S, SIGNED>(columns.next(), call.channels), weights[0]);
            for x in 0..call.outputs {
                let middle = column::<S, SIGNED>(columns.next(), call.channels);
                let right = column::<S, SIGNED>(columns.next(), call.channels);
                let two_done = dots::<S>(one_done, middle, weights[1]);
                sink.put(dots::<S>(two_done, right, weights[2]), x, out);
                one_done = dots::<S>(init, right, weights[0]);
                out = out.wrapping_add(call.out_stride);
            }
        }
    }
}

/// A column of three taps, interleaved.
#[inline(always)]
unsafe fn column<S: Interleave, const SIGNED: bool>(rows: [*const u8; 3], channels: usize) -> [S::I; 4] {
    // SAFETY: the features of `S`; `channels` readable bytes at each row.
    unsafe {
        let [a, b, c] = rows;
        let nothing = S::splat(0);
        S::interleave([
            load::<S, SIGNED>(a, channels),
            load::<S, SIGNED>(b, channels),
            load::<S, SIGNED>(c, channels),
            nothing,
        ])
    }
}

/// One row of a block's channels, unsigned.
#[inline(always)]
pub(super) unsafe fn load<S: Interleave, const SIGNED: bool>(row: *const u8, channels: usize) -> S::I {
    // SAFETY: the features of `S`; `channels` readable bytes.
    unsafe {
        let bytes = S::load_bytes(row, channels);
        if SIGNED { S::flip(bytes) } else { bytes }
    }
}

#[inline(always)]
unsafe fn load_weights<S: Interleave>(at: *const i32) -> [S::I; 4] {
    // SAFETY: the features of `S`; four vectors of weights.
    unsafe {
        [S::load(at), S::load(at.add(S::LANES)), S::load(at.add(2 * S::LANES)), S::load(at.add(3 * S::LANES))]
    }
}

#[inline(always)]
unsafe fn dots<S: Interleave>(mut acc: [S::I; 4], column: [S::I; 4], weights: [S::I; 4]) -> [S::I; 4] {
    for q in 0..4 {
        // SAFETY: the features of `S`.
        acc[q] = unsafe { S::dot(acc[q], column[q], weights[q]) };
    }
    acc
}

/// Any kernel, stride and dilation: every output visits all of its taps.
#[inline(always)]
unsafe fn any_shape<S: Interleave, K: Sink<S>, const SIGNED: bool>(call: &Row, sink: K, init: [S::I; 4]) {
    // SAFETY: `kw · ⌈kh/4⌉` times four vectors of weights; every tap has the block's channels (see `Row::tap`).
    unsafe {
        let [height, width] = call.kernel;
        for x in 0..call.outputs {
            let mut acc = init;
            let mut weights = call.weights.cast::<i32>();
            let mut column = call.column + (x * call.stride).cast_signed();
            for _ in 0..width {
                for first in (0..height).step_by(4) {
                    let mut rows = [S::splat(0); 4];
                    for (ky, row) in rows.iter_mut().enumerate().take(height - first) {
                        *row = load::<S, SIGNED>(call.tap(first + ky, column), call.channels);
                    }
                    acc = dots::<S>(acc, S::interleave(rows), load_weights::<S>(weights));
                    weights = weights.add(S::BYTES);
                }
                column += call.dilation.cast_signed();
            }
            sink.put(acc, x, call.out.add(x * call.out_stride));
        }
    }
}
