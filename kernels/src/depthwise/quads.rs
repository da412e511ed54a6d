//! Depthwise convolution on columns of four taps, for instruction sets with `vpdpbusd`.
//!
//! The bytes of four rows are interleaved, so that a 32-bit lane holds four vertical taps of one channel, which one
//! instruction multiplies with the channel's weights and adds. A column of taps is interleaved once, for all outputs of
//! the row that see it; of kernels higher than four rows once for all outputs of the image (`quad_line_buffer`). Interleaving
//! leaves the channels in another order ([`ChannelOrder::Unpacked`](super::ChannelOrder::Unpacked)), in which weights are
//! packed, and which packing the result to bytes undoes.

use super::{Columns, Row};
use crate::gemm::dot4::{Dot4, Lanes};
use crate::gemm::{RawStage, are_below_one, finish, requantize, requantize_saturating};
use crate::simd::{ByteLimits, Simd, array_of};

/// The quarters of interleaved columns.
pub(super) type Quarters<D> = [Lanes<D>; 4];

/// Vectors whose bytes interleave within units of 128 bits.
pub(crate) trait Unpack: Simd {
    /// In each unit, the bytes of both vectors in turns: of the lower halves, and of the upper halves.
    fn unpack_bytes(self, a: Self::I, b: Self::I) -> [Self::I; 2];
    /// As `unpack_bytes`, with pairs of bytes.
    fn unpack_pairs(self, a: Self::I, b: Self::I) -> [Self::I; 2];
}

/// Vectors of bytes that are interleaved within units of 128 bits.
///
/// # Safety
///
/// Implementations do what the descriptions say, and functions with pointers touch nothing else.
pub(crate) unsafe trait Interleave: Dot4<S: Unpack> {
    /// Bytes of a vector: `4 · LANES`.
    const BYTES: usize = 4 * Self::S::LANES;
    /// Whether blocks may be partial.
    const PARTIAL: bool;

    /// The first `count` bytes at `p`; no others are read, and the rest of the vector is 0. `count` may only be less than `BYTES`
    /// if the kernel's blocks may be partial.
    ///
    /// # Safety
    ///
    /// `p` is valid for the reads.
    unsafe fn load_bytes(self, p: *const u8, count: usize) -> Lanes<Self>;
    /// Four vectors of lanes in natural order, as interleaved quarters.
    fn to_quarters(self, vectors: Quarters<Self>) -> Quarters<Self>;
    /// The inverse of `to_quarters`.
    fn to_natural(self, quarters: Quarters<Self>) -> Quarters<Self>;
    /// Stores the first `count` bytes of [`narrow`](Simd::narrow)ed interleaved quarters, in natural order. `count` as in
    /// `load_bytes`.
    ///
    /// # Safety
    ///
    /// `p` is valid for the writes.
    unsafe fn store_narrow(
        self,
        p: *mut u8,
        quarters: Quarters<Self>,
        limits: &ByteLimits<Self::S>,
        count: usize,
    );

    /// In each unit, four rows of 16 bytes become 16 columns of 4 bytes: the quarters of all units, by quarter.
    #[inline(always)]
    fn interleave(self, [a, b, c, d]: [Lanes<Self>; 4]) -> Quarters<Self> {
        let isa = self.isa();
        let ([ab_low, ab_high], [cd_low, cd_high]) = (isa.unpack_bytes(a, b), isa.unpack_bytes(c, d));
        let [first, second] = isa.unpack_pairs(ab_low, cd_low);
        let [third, fourth] = isa.unpack_pairs(ab_high, cd_high);
        [first, second, third, fourth]
    }
}

/// Computes a [`Row`] of weights in groups of four, unpacked order, in blocks of `D::BYTES` channels, which are bytes around a
/// centre or not.
///
/// # Safety
///
/// As [`RowFn`](super::RowFn), but for the features, which the token proves; the block is whole unless `D` masks.
#[inline(always)]
pub(crate) unsafe fn row<D: Interleave, const SIGNED: bool, const CENTRED: bool>(quads: D, call: &Row) {
    // SAFETY: the caller's promises, handed on.
    unsafe {
        match ToBytes::new(quads, call) {
            Some(sink) => match sink.saturating() {
                // Code for whole blocks has no masks.
                Some(sink) if D::PARTIAL && call.channels == D::BYTES => {
                    let sink = ToBytes { channels: D::BYTES, ..sink };
                    by_shape::<D, _, SIGNED, CENTRED>(quads, call, D::BYTES, sink);
                }
                Some(sink) => by_shape::<D, _, SIGNED, CENTRED>(quads, call, call.channels, sink),
                None => by_shape::<D, _, SIGNED, CENTRED>(quads, call, call.channels, sink),
            },
            None => {
                let sink = AnyStage { quads, call };
                by_shape::<D, _, SIGNED, CENTRED>(quads, call, call.channels, sink);
            }
        }
    }
}

/// Where the accumulators of output pixel `x`, at `out`, go.
pub(super) trait Sink<D: Interleave>: Copy {
    /// # Safety
    ///
    /// `x` is an output of the row and `out` its address.
    unsafe fn put(&self, acc: Quarters<D>, x: usize, out: *mut u8);
}

/// [`RawStage::Requantize`], with its vectors reordered once for the row; without the minimum if it `SATURATES`.
#[derive(Clone, Copy)]
pub(super) struct ToBytes<D: Interleave, const SATURATES: bool> {
    quads: D,
    scale: [<D::S as Simd>::F; 4],
    high: <D::S as Simd>::F,
    limits: ByteLimits<D::S>,
    saturates: bool,
    channels: usize,
}

impl<D: Interleave> ToBytes<D, false> {
    /// # Safety
    ///
    /// The stage is a block's.
    #[inline(always)]
    pub(super) unsafe fn new(quads: D, call: &Row) -> Option<ToBytes<D, false>> {
        let RawStage::Requantize { scale, high, range } = call.stage else { return None };
        let isa = quads.isa();
        // SAFETY: factors are padded to whole vectors of those that the block's channels begin.
        let scale = unsafe { load_quarters(quads, scale.cast(), call.channels) };
        let scale = array_of!(4, q => isa.float_of_bits(scale[q]));
        let saturates = range.saturates(high) && are_below_one(isa, &scale);
        let (high, limits, channels) = (isa.splat_f(high), isa.byte_limits(range), call.channels);
        Some(ToBytes { quads, scale, high, limits, saturates, channels })
    }

    /// The same without the minimum, where it changes nothing.
    #[inline(always)]
    pub(super) fn saturating(self) -> Option<ToBytes<D, true>> {
        let ToBytes { quads, scale, high, limits, saturates, channels } = self;
        saturates.then_some(ToBytes { quads, scale, high, limits, saturates, channels })
    }
}

impl<D: Interleave, const SATURATES: bool> Sink<D> for ToBytes<D, SATURATES> {
    #[inline(always)]
    unsafe fn put(&self, mut acc: Quarters<D>, _: usize, out: *mut u8) {
        for (x, &scale) in acc.iter_mut().zip(&self.scale) {
            let isa = self.quads.isa();
            *x = if SATURATES {
                requantize_saturating(isa, *x, scale)
            } else {
                requantize(isa, *x, scale, self.high)
            };
        }
        // SAFETY: `channels` bytes of output belong to the block.
        unsafe { self.quads.store_narrow(out, acc, &self.limits, self.channels) };
    }
}

/// The other stages, by way of the epilogue that all kernels share.
#[derive(Clone, Copy)]
pub(super) struct AnyStage<'a, D> {
    pub(super) quads: D,
    pub(super) call: &'a Row,
}

impl<D: Interleave> Sink<D> for AnyStage<'_, D> {
    #[inline(always)]
    unsafe fn put(&self, acc: Quarters<D>, x: usize, _: *mut u8) {
        // SAFETY: an output of the row. The stage's slices are read by whole vectors that contain
        // channels of the block; the slices are padded to these.
        unsafe {
            let (isa, [a, b, c, d]) = (self.quads.isa(), self.quads.to_natural(acc));
            let output_offsets = self.call.output_offsets::<1>();
            let tile = self.call.tile(x, &output_offsets);
            match self.call.channels.div_ceil(D::S::LANES) {
                1 => finish(isa, [[a]], &tile),
                2 => finish(isa, [[a, b]], &tile),
                3 => finish(isa, [[a, b, c]], &tile),
                _ => finish(isa, [[a, b, c, d]], &tile),
            }
        }
    }
}

/// # Safety
///
/// As [`row`].
#[inline(always)]
unsafe fn by_shape<D: Interleave, K: Sink<D>, const SIGNED: bool, const CENTRED: bool>(
    quads: D,
    call: &Row,
    channels: usize,
    sink: K,
) {
    // SAFETY: the caller's promises, handed on.
    unsafe {
        let init = initial(quads, call);
        match (call.kernel, call.stride, call.dilation) {
            ([3, 3], 1, 1) => three_by_three::<D, K, SIGNED, CENTRED, 1>(quads, call, channels, sink, init),
            ([3, 3], 2, 1) => three_by_three::<D, K, SIGNED, CENTRED, 2>(quads, call, channels, sink, init),
            _ => any_shape::<D, K, SIGNED, CENTRED>(quads, call, channels, sink, init),
        }
    }
}

/// The initial accumulators of a block.
///
/// # Safety
///
/// As [`row`].
#[inline(always)]
pub(super) unsafe fn initial<D: Interleave>(quads: D, call: &Row) -> Quarters<D> {
    // SAFETY: initial accumulators are padded as the stage is.
    unsafe { load_quarters(quads, call.init, call.channels) }
}

/// The lanes of a block's channels, as interleaved quarters.
///
/// # Safety
///
/// `at` is valid for the whole vectors that begin below `channels`.
#[inline(always)]
unsafe fn load_quarters<D: Interleave>(quads: D, at: *const i32, channels: usize) -> Quarters<D> {
    let isa = quads.isa();
    let mut vectors = [isa.splat(0); 4];
    for (v, vector) in vectors.iter_mut().enumerate() {
        if v * D::S::LANES < channels {
            // SAFETY: the caller's promise.
            *vector = unsafe { isa.load(at.add(v * D::S::LANES)) };
        }
    }
    quads.to_quarters(vectors)
}

/// Columns are visited once, left to right: each adds to the outputs that it is a right, middle or left tap of.
#[inline(always)]
unsafe fn three_by_three<
    D: Interleave,
    K: Sink<D>,
    const SIGNED: bool,
    const CENTRED: bool,
    const STRIDE: usize,
>(
    quads: D,
    call: &Row,
    channels: usize,
    sink: K,
    init: Quarters<D>,
) {
    // SAFETY: twelve vectors of weights, and of centres another four; the columns are those of the row's taps, and each row of
    // them has the block's channels (see `Columns`).
    unsafe {
        let at = call.weights.cast::<i32>();
        let mut weights = [init; 3];
        for (kx, weights) in weights.iter_mut().enumerate() {
            *weights = load_weights(quads, at.add(kx * D::BYTES));
        }
        let centre = if CENTRED { load_weights(quads, at.add(3 * D::BYTES)) } else { init };
        let mut columns = Columns::<3>::new(call);
        let mut out = call.out;
        if STRIDE == 1 {
            let first = column::<D, 3, SIGNED>(quads, columns.next(), channels);
            let second = column::<D, 3, SIGNED>(quads, columns.next(), channels);
            let two_done = centred_dots::<D, CENTRED>(quads, init, first, weights[0], centre);
            let mut two_done = centred_dots::<D, CENTRED>(quads, two_done, second, weights[1], centre);
            let mut one_done = centred_dots::<D, CENTRED>(quads, init, second, weights[0], centre);
            for x in 0..call.outputs {
                let column = column::<D, 3, SIGNED>(quads, columns.next(), channels);
                sink.put(centred_dots::<D, CENTRED>(quads, two_done, column, weights[2], centre), x, out);
                two_done = centred_dots::<D, CENTRED>(quads, one_done, column, weights[1], centre);
                one_done = centred_dots::<D, CENTRED>(quads, init, column, weights[0], centre);
                out = out.wrapping_add(call.out_stride);
            }
        } else {
            let left = column::<D, 3, SIGNED>(quads, columns.next(), channels);
            let mut one_done = centred_dots::<D, CENTRED>(quads, init, left, weights[0], centre);
            for x in 0..call.outputs {
                let middle = column::<D, 3, SIGNED>(quads, columns.next(), channels);
                let right = column::<D, 3, SIGNED>(quads, columns.next(), channels);
                let two_done = centred_dots::<D, CENTRED>(quads, one_done, middle, weights[1], centre);
                let all = centred_dots::<D, CENTRED>(quads, two_done, right, weights[2], centre);
                sink.put(all, x, out);
                one_done = centred_dots::<D, CENTRED>(quads, init, right, weights[0], centre);
                out = out.wrapping_add(call.out_stride);
            }
        }
    }
}

/// A column of `N` taps, three or four, interleaved.
///
/// # Safety
///
/// `channels` readable bytes at each row.
#[inline(always)]
pub(super) unsafe fn column<D: Interleave, const N: usize, const SIGNED: bool>(
    quads: D,
    rows: [*const u8; N],
    channels: usize,
) -> Quarters<D> {
    let mut vectors = [quads.isa().splat(0); 4];
    for (vector, row) in vectors.iter_mut().zip(rows) {
        // SAFETY: the caller's promise.
        *vector = unsafe { load::<D, SIGNED>(quads, row, channels) };
    }
    quads.interleave(vectors)
}

/// One row of a block's channels, unsigned.
#[inline(always)]
unsafe fn load<D: Interleave, const SIGNED: bool>(quads: D, row: *const u8, channels: usize) -> Lanes<D> {
    // SAFETY: `channels` readable bytes.
    unsafe {
        let bytes = quads.load_bytes(row, channels);
        let isa = quads.isa();
        if SIGNED { isa.xor(bytes, isa.splat(i32::from_ne_bytes([0x80; 4]))) } else { bytes }
    }
}

#[inline(always)]
pub(super) unsafe fn load_weights<D: Interleave>(quads: D, at: *const i32) -> Quarters<D> {
    // SAFETY: four vectors of weights.
    array_of!(4, q => unsafe { quads.isa().load(at.add(q * D::S::LANES)) })
}

#[inline(always)]
pub(super) fn dots<D: Interleave>(
    quads: D,
    acc: Quarters<D>,
    column: Quarters<D>,
    weights: Quarters<D>,
) -> Quarters<D> {
    array_of!(4, q => quads.dot::<false>(acc[q], column[q], weights[q]))
}

/// Adds the products of a column with its weights, and with the centres.
#[inline(always)]
fn centred_dots<D: Interleave, const CENTRED: bool>(
    quads: D,
    acc: Quarters<D>,
    column: Quarters<D>,
    weights: Quarters<D>,
    centre: Quarters<D>,
) -> Quarters<D> {
    let acc = dots(quads, acc, column, weights);
    if CENTRED { dots(quads, acc, column, centre) } else { acc }
}

/// Any kernel, stride and dilation: every output visits all of its taps.
#[inline(always)]
unsafe fn any_shape<D: Interleave, K: Sink<D>, const SIGNED: bool, const CENTRED: bool>(
    quads: D,
    call: &Row,
    channels: usize,
    sink: K,
    init: Quarters<D>,
) {
    // SAFETY: `kw · ⌈kh/4⌉` times four vectors of weights, then of centres; every tap has the block's channels (see `Row::tap`).
    unsafe {
        let [height, width] = call.kernel;
        let centres = call.weights.cast::<i32>().add(width * height.div_ceil(4) * D::BYTES);
        for x in 0..call.outputs {
            let mut acc = init;
            let mut weights = call.weights.cast::<i32>();
            let mut column = call.column + (x * call.stride).cast_signed();
            for _ in 0..width {
                for (group, first) in (0..height).step_by(4).enumerate() {
                    let mut rows = [quads.isa().splat(0); 4];
                    for (ky, row) in rows.iter_mut().enumerate().take(height - first) {
                        *row = load::<D, SIGNED>(quads, call.tap(first + ky, column), channels);
                    }
                    let taps = quads.interleave(rows);
                    acc = dots(quads, acc, taps, load_weights(quads, weights));
                    if CENTRED {
                        acc = dots(quads, acc, taps, load_weights(quads, centres.add(group * D::BYTES)));
                    }
                    weights = weights.add(D::BYTES);
                }
                column += call.dilation.cast_signed();
            }
            sink.put(acc, x, call.out.add(x * call.out_stride));
        }
    }
}
