//! Depthwise convolution on columns of four taps, 64 channels at a time; a last block is masked.

use core::arch::x86_64::*;

use super::Avx512;
use super::simd::{first_bytes, narrow_in_units};
use crate::depthwise::{
    ChannelOrder, DepthwiseKernel, Group, Interleave, LineBufferPasses, Row, quads_interleave,
    quads_multiply, quads_multiply_any_stage, quads_row,
};
use crate::simd::ByteLimits;

pub(crate) static QUADS: DepthwiseKernel = DepthwiseKernel {
    layout: "taps-i8x4-block64",
    block: <Avx512 as Interleave>::BYTES,
    last_overlaps: false,
    group: 4,
    order: ChannelOrder::Unpacked,
    offsets: [0, 128],
    rows: [row::<false>, row::<true>],
    line_buffer: Some(LineBufferPasses {
        min_height: 5,
        interleave: [interleave::<false>, interleave::<true>],
        multiply,
    }),
};

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn row<const SIGNED: bool>(call: &Row) {
    // SAFETY: the caller's promises; this function has the features of `Interleave`, which masks.
    unsafe { quads_row::<Avx512, SIGNED>(call) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn interleave<const SIGNED: bool>(group: &Group<'_>) {
    // SAFETY: the caller's promises; this function has the features of `Interleave`, which masks.
    unsafe { quads_interleave::<Avx512, SIGNED>(group) }
}

/// Four outputs at a time: sixteen accumulators, and seven weights fit into the other registers.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn multiply(rows: &[Row]) {
    // SAFETY: the caller's promises; this function has the features of `Interleave`, which masks.
    unsafe { quads_multiply::<Avx512, 4>(rows, multiply_any_stage) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline(never)]
unsafe fn multiply_any_stage(call: &Row) {
    // SAFETY: the caller's promises; this function has the features of `Interleave`, which masks.
    unsafe { quads_multiply_any_stage::<Avx512>(call) }
}

// SAFETY: the instructions do what the trait says, on four units of 128 bits; bytes that are masked are not touched. The
// features are AVX-512 F, BW and VNNI.
unsafe impl Interleave for Avx512 {
    const BYTES: usize = 64;

    #[inline(always)]
    unsafe fn load_bytes(p: *const u8, count: usize) -> __m512i {
        // SAFETY: the caller promises the features and `count` readable bytes.
        unsafe { _mm512_maskz_loadu_epi8(first_bytes(count), p.cast()) }
    }

    #[inline(always)]
    unsafe fn flip(bytes: __m512i) -> __m512i {
        // SAFETY: the caller promises the features.
        unsafe { _mm512_xor_si512(bytes, _mm512_set1_epi8(-128)) }
    }

    #[inline(always)]
    unsafe fn interleave([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
        // SAFETY: the caller promises the features.
        unsafe {
            let (ab_low, ab_high) = (_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b));
            let (cd_low, cd_high) = (_mm512_unpacklo_epi8(c, d), _mm512_unpackhi_epi8(c, d));
            [
                _mm512_unpacklo_epi16(ab_low, cd_low),
                _mm512_unpackhi_epi16(ab_low, cd_low),
                _mm512_unpacklo_epi16(ab_high, cd_high),
                _mm512_unpackhi_epi16(ab_high, cd_high),
            ]
        }
    }

    #[inline(always)]
    unsafe fn dot(acc: __m512i, a: __m512i, w: __m512i) -> __m512i {
        // SAFETY: the caller promises the features.
        unsafe { _mm512_dpbusd_epi32(acc, a, w) }
    }

    #[inline(always)]
    unsafe fn to_quarters([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
        // SAFETY: the caller promises the features.
        unsafe {
            let (ab_low, ab_high) = (_mm512_shuffle_i32x4::<0x44>(a, b), _mm512_shuffle_i32x4::<0xee>(a, b));
            let (cd_low, cd_high) = (_mm512_shuffle_i32x4::<0x44>(c, d), _mm512_shuffle_i32x4::<0xee>(c, d));
            [
                _mm512_shuffle_i32x4::<0x88>(ab_low, cd_low),
                _mm512_shuffle_i32x4::<0xdd>(ab_low, cd_low),
                _mm512_shuffle_i32x4::<0x88>(ab_high, cd_high),
                _mm512_shuffle_i32x4::<0xdd>(ab_high, cd_high),
            ]
        }
    }

    #[inline(always)]
    unsafe fn to_quarters_f(vectors: [__m512; 4]) -> [__m512; 4] {
        // SAFETY: the caller promises the features; the casts change no bit.
        unsafe {
            let [a, b, c, d] = vectors;
            let bits = [
                _mm512_castps_si512(a),
                _mm512_castps_si512(b),
                _mm512_castps_si512(c),
                _mm512_castps_si512(d),
            ];
            let [a, b, c, d] = Self::to_quarters(bits);
            [_mm512_castsi512_ps(a), _mm512_castsi512_ps(b), _mm512_castsi512_ps(c), _mm512_castsi512_ps(d)]
        }
    }

    /// With four units in a vector the transpose is its own inverse.
    #[inline(always)]
    unsafe fn to_natural(quarters: [__m512i; 4]) -> [__m512i; 4] {
        // SAFETY: the caller promises the features.
        unsafe { Self::to_quarters(quarters) }
    }

    #[inline(always)]
    unsafe fn store_narrow(p: *mut u8, quarters: [__m512i; 4], limits: &ByteLimits<Avx512>, count: usize) {
        // SAFETY: the caller promises the features and the writable bytes.
        unsafe { _mm512_mask_storeu_epi8(p.cast(), first_bytes(count), narrow_in_units(quarters, limits)) }
    }
}
