//! Depthwise convolution on pairs of taps: `vpmaddwd` multiplies two vertical neighbours as `i16` and adds them, exact
//! for all bytes and all differences of weights.
//!
//! A block has only eight channels, so that the accumulators of two outputs, a column of taps and all weights of a
//! 3×3 kernel stay in the sixteen registers.

use core::arch::x86_64::*;

use super::Avx2;
use crate::depthwise::{ChannelOrder, Columns, DepthwiseKernel, Row};
use crate::gemm::{RawStage, finish};
use crate::simd::{ByteLimits, Simd};

/// Channels of a block: the 32-bit lanes of a vector.
const BLOCK: usize = 8;

pub(crate) static PAIRS: DepthwiseKernel = DepthwiseKernel {
    layout: "taps-i16x2-block8",
    block: BLOCK,
    steps_back: true,
    group: 2,
    order: ChannelOrder::Natural,
    offsets: [0, 0],
    rows: [row::<false>, row::<true>],
};

#[target_feature(enable = "avx2")]
unsafe fn row<const SIGNED: bool>(call: &Row) {
    // SAFETY: the caller's promises, handed on.
    unsafe {
        match call.stage {
            RawStage::Requantize { scale, high, range } => {
                let bytes = ToBytes {
                    scale: _mm256_loadu_ps(scale),
                    high: _mm256_set1_ps(high),
                    limits: Avx2::byte_limits(range),
                };
                by_shape::<ToBytes, SIGNED>(call, bytes);
            }
            _ => by_shape::<AnyStage<'_>, SIGNED>(call, AnyStage(call)),
        }
    }
}

/// Where the accumulators of output pixel `x` go.
trait Sink: Copy {
    /// # Safety
    ///
    /// The CPU has AVX2; `x` is an output of the row; `out` its address.
    unsafe fn put(self, acc: __m256i, x: usize, out: *mut u8);
}

/// [`RawStage::Requantize`], its vectors in registers.
#[derive(Clone, Copy)]
struct ToBytes {
    scale: __m256,
    high: __m256,
    limits: ByteLimits<Avx2>,
}

impl Sink for ToBytes {
    #[inline(always)]
    unsafe fn put(self, acc: __m256i, _: usize, out: *mut u8) {
        // SAFETY: AVX2 and eight writable bytes, by the caller's promise.
        unsafe {
            let scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(acc), self.scale);
            let rounded = _mm256_cvtps_epi32(_mm256_min_ps(scaled, self.high));
            // Four times the same vector, of which one is stored: the compiler packs it once.
            Avx2::store_quarter::<0>(out, Avx2::narrow([rounded; 4], &self.limits));
        }
    }
}

/// The other stages, by way of the epilogue that all kernels share.
#[derive(Clone, Copy)]
struct AnyStage<'a>(&'a Row);

impl Sink for AnyStage<'_> {
    #[inline(always)]
    unsafe fn put(self, acc: __m256i, x: usize, _: *mut u8) {
        // SAFETY: AVX2, and an output of the row, by the caller's promise; a block is one vector.
        unsafe { finish::<Avx2, 1, 1>([[acc]], &self.0.tile::<1>(x, &self.0.places())) }
    }
}

/// # Safety
///
/// As [`RowFn`](crate::depthwise::RowFn).
#[inline(always)]
unsafe fn by_shape<K: Sink, const SIGNED: bool>(call: &Row, sink: K) {
    // SAFETY: the caller's promises, handed on.
    unsafe {
        match (call.kernel, call.stride, call.dilation) {
            ([3, 3], 1, 1) => three_by_three::<K, SIGNED, 1>(call, sink),
            ([3, 3], 2, 1) => three_by_three::<K, SIGNED, 2>(call, sink),
            _ => any_shape::<K, SIGNED>(call, sink),
        }
    }
}

/// Columns are visited once, left to right: each adds to the outputs that it is a right, middle or left tap of.
#[inline(always)]
unsafe fn three_by_three<K: Sink, const SIGNED: bool, const STRIDE: usize>(call: &Row, sink: K) {
    // SAFETY: six vectors of weights; the columns are those of the row's taps, and each row of them has eight readable
    // channels (see `Columns`).
    unsafe {
        let at = call.weights.cast::<__m256i>();
        let mut weights = [[_mm256_setzero_si256(); 2]; 3];
        for (kx, weights) in weights.iter_mut().enumerate() {
            *weights = [_mm256_loadu_si256(at.add(2 * kx)), _mm256_loadu_si256(at.add(2 * kx + 1))];
        }
        let init = _mm256_loadu_si256(call.init.cast());
        let mut columns = Columns::<3>::new(call);
        let mut next = || column::<SIGNED>(columns.next());
        let mut out = call.out;
        if STRIDE == 1 {
            let (first, second) = (next(), next());
            let mut two_done = taps(taps(init, first, weights[0]), second, weights[1]);
            let mut one_done = taps(init, second, weights[0]);
            for x in 0..call.outputs {
                let column = next();
                sink.put(taps(two_done, column, weights[2]), x, out);
                two_done = taps(one_done, column, weights[1]);
                one_done = taps(init, column, weights[0]);
                out = out.wrapping_add(call.out_stride);
            }
        } else {
            let mut one_done = taps(init, next(), weights[0]);
            for x in 0..call.outputs {
                let (middle, right) = (next(), next());
                sink.put(taps(taps(one_done, middle, weights[1]), right, weights[2]), x, out);
                one_done = taps(init, right, weights[0]);
                out = out.wrapping_add(call.out_stride);
            }
        }
    }
}

/// The taps of a column, in pairs: rows 0 and 1; row 2 and nothing.
#[inline(always)]
unsafe fn column<const SIGNED: bool>(rows: [*const u8; 3]) -> [__m256i; 2] {
    // SAFETY: AVX2, and eight readable bytes at each row.
    unsafe { [pair::<SIGNED>(rows[0], rows[1]), single::<SIGNED>(rows[2])] }
}

#[inline(always)]
unsafe fn pair<const SIGNED: bool>(upper: *const u8, lower: *const u8) -> __m256i {
    // SAFETY: AVX2, and eight readable bytes at each row.
    unsafe {
        let bytes = _mm_unpacklo_epi8(_mm_loadl_epi64(upper.cast()), _mm_loadl_epi64(lower.cast()));
        if SIGNED { _mm256_cvtepi8_epi16(bytes) } else { _mm256_cvtepu8_epi16(bytes) }
    }
}

/// One tap; the sign fills the other half, which is multiplied by 0.
#[inline(always)]
unsafe fn single<const SIGNED: bool>(row: *const u8) -> __m256i {
    // SAFETY: AVX2, and eight readable bytes.
    unsafe {
        let bytes = _mm_loadl_epi64(row.cast());
        if SIGNED { _mm256_cvtepi8_epi32(bytes) } else { _mm256_cvtepu8_epi32(bytes) }
    }
}

#[inline(always)]
unsafe fn taps(acc: __m256i, column: [__m256i; 2], weights: [__m256i; 2]) -> __m256i {
    // SAFETY: AVX2, by the caller's promise.
    unsafe {
        let upper = _mm256_madd_epi16(column[0], weights[0]);
        let lower = _mm256_madd_epi16(column[1], weights[1]);
        _mm256_add_epi32(_mm256_add_epi32(acc, upper), lower)
    }
}

/// Any kernel, stride and dilation: every output visits all of its taps.
#[inline(always)]
unsafe fn any_shape<K: Sink, const SIGNED: bool>(call: &Row, sink: K) {
    // SAFETY: `kw · ⌈kh/2⌉` vectors of weights; every tap has eight readable channels (see `Row::tap`).
    unsafe {
        let [height, width] = call.kernel;
        let init = _mm256_loadu_si256(call.init.cast());
        for x in 0..call.outputs {
            let mut acc = init;
            let mut weights = call.weights.cast::<__m256i>();
            let mut column = call.column + (x * call.stride).cast_signed();
            for _ in 0..width {
                for ky in (0..height).step_by(2) {
                    let upper = call.tap(ky, column);
                    let activations = if ky + 1 < height {
                        pair::<SIGNED>(upper, call.tap(ky + 1, column))
                    } else {
                        single::<SIGNED>(upper)
                    };
                    acc = _mm256_add_epi32(acc, _mm256_madd_epi16(activations, _mm256_loadu_si256(weights)));
                    weights = weights.add(1);
                }
                column += call.dilation.cast_signed();
            }
            sink.put(acc, x, call.out.add(x * call.out_stride));
        }
    }
}
