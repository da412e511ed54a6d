//! Depthwise convolution on columns of four taps, 32 channels at a time.

use core::arch::x86_64::*;

use crate::backend::avx2::Avx2;
use crate::backend::avx2::simd::narrow_in_units;
use crate::depthwise::{
    ChannelOrder, DepthwiseKernel, Group, Interleave, LineBufferPasses, Row, quads_interleave,
    quads_multiply, quads_multiply_any_stage, quads_row,
};
use crate::simd::ByteLimits;

pub(crate) static QUADS: DepthwiseKernel = DepthwiseKernel {
    layout: "taps-i8x4-block32",
    block: <Avx2 as Interleave>::BYTES,
    last_overlaps: true,
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

#[target_feature(enable = "avx2,avxvnni")]
unsafe fn row<const SIGNED: bool>(call: &Row) {
    // SAFETY: the caller's promises; this function has AVX2 and AVX-VNNI, and the blocks of a kernel that steps back are
    // whole.
    unsafe { quads_row::<Avx2, SIGNED>(call) }
}

#[target_feature(enable = "avx2,avxvnni")]
unsafe fn interleave<const SIGNED: bool>(group: &Group<'_>) {
    // SAFETY: the caller's promises; this function has AVX2 and AVX-VNNI, and blocks are whole.
    unsafe { quads_interleave::<Avx2, SIGNED>(group) }
}

/// Two outputs at a time: eight accumulators, and five weights fit into the other registers.
#[target_feature(enable = "avx2,avxvnni")]
unsafe fn multiply(rows: &[Row]) {
    // SAFETY: the caller's promises; this function has AVX2 and AVX-VNNI, and blocks are whole.
    unsafe { quads_multiply::<Avx2, 2>(rows, multiply_any_stage) }
}

#[target_feature(enable = "avx2,avxvnni")]
#[inline(never)]
unsafe fn multiply_any_stage(call: &Row) {
    // SAFETY: the caller's promises; this function has AVX2 and AVX-VNNI, and blocks are whole.
    unsafe { quads_multiply_any_stage::<Avx2>(call) }
}

// SAFETY: the instructions do what the trait says, on two units of 128 bits. The features are AVX2 and AVX-VNNI.
unsafe impl Interleave for Avx2 {
    const BYTES: usize = 32;

    #[inline(always)]
    unsafe fn load_bytes(p: *const u8, _: usize) -> __m256i {
        // SAFETY: the caller promises AVX2 and, as blocks are never partial, 32 readable bytes.
        unsafe { _mm256_loadu_si256(p.cast()) }
    }

    #[inline(always)]
    unsafe fn flip(bytes: __m256i) -> __m256i {
        // SAFETY: the caller promises AVX2.
        unsafe { _mm256_xor_si256(bytes, _mm256_set1_epi8(-128)) }
    }

    #[inline(always)]
    unsafe fn interleave([a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
        // SAFETY: the caller promises AVX2.
        unsafe {
            let (ab_low, ab_high) = (_mm256_unpacklo_epi8(a, b), _mm256_unpackhi_epi8(a, b));
            let (cd_low, cd_high) = (_mm256_unpacklo_epi8(c, d), _mm256_unpackhi_epi8(c, d));
            [
                _mm256_unpacklo_epi16(ab_low, cd_low),
                _mm256_unpackhi_epi16(ab_low, cd_low),
                _mm256_unpacklo_epi16(ab_high, cd_high),
                _mm256_unpackhi_epi16(ab_high, cd_high),
            ]
        }
    }

    #[inline(always)]
    unsafe fn dot(acc: __m256i, a: __m256i, w: __m256i) -> __m256i {
        // SAFETY: the caller promises AVX-VNNI.
        unsafe { _mm256_dpbusd_avx_epi32(acc, a, w) }
    }

    #[inline(always)]
    unsafe fn to_quarters([a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
        // SAFETY: the caller promises AVX2.
        unsafe {
            [
                _mm256_permute2x128_si256::<0x20>(a, c),
                _mm256_permute2x128_si256::<0x31>(a, c),
                _mm256_permute2x128_si256::<0x20>(b, d),
                _mm256_permute2x128_si256::<0x31>(b, d),
            ]
        }
    }

    #[inline(always)]
    unsafe fn to_quarters_f([a, b, c, d]: [__m256; 4]) -> [__m256; 4] {
        // SAFETY: the caller promises AVX2.
        unsafe {
            [
                _mm256_permute2f128_ps::<0x20>(a, c),
                _mm256_permute2f128_ps::<0x31>(a, c),
                _mm256_permute2f128_ps::<0x20>(b, d),
                _mm256_permute2f128_ps::<0x31>(b, d),
            ]
        }
    }

    #[inline(always)]
    unsafe fn to_natural([a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
        // SAFETY: the caller promises AVX2.
        unsafe {
            [
                _mm256_permute2x128_si256::<0x20>(a, b),
                _mm256_permute2x128_si256::<0x20>(c, d),
                _mm256_permute2x128_si256::<0x31>(a, b),
                _mm256_permute2x128_si256::<0x31>(c, d),
            ]
        }
    }

    #[inline(always)]
    unsafe fn store_narrow(p: *mut u8, quarters: [__m256i; 4], limits: &ByteLimits<Avx2>, _: usize) {
        // SAFETY: the caller promises the features and the writable bytes: 32, as blocks are never partial.
        unsafe { _mm256_storeu_si256(p.cast(), narrow_in_units(quarters, limits)) }
    }
}
