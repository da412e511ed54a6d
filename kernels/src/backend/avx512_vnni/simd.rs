//! [`Simd`] on 512-bit vectors of sixteen lanes.

use core::arch::asm;
use core::arch::x86_64::*;

use crate::backend::x86::{Avx512, EXACT, bits512, x86_operations};
use crate::simd::{Simd, array_of};

// SAFETY: lane by lane the scalar definitions (floats under the default rounding mode, which Rust assumes). The token
// proves all features of the intrinsics, and vectors are their lanes in memory.
unsafe impl Simd for Avx512 {
    x86_operations! {
        bits512;
        narrow(x) = permute(_mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), x);
        narrow_u16x(x) = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), x);
        nan_to_zero(x) = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask::<_CMP_ORD_Q>(x, x), x);
        any_greater(a, b) = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) != 0;
        load_extended(p) = _mm_loadu_si128(p.cast());
        rounding_doubling_high_mul(even, odd) = {
            let high = _mm512_mask_blend_epi32(0b1010_1010_1010_1010, even, odd);
            // Only MIN·MIN reaches 2³¹, which reads as MIN.
            let over = _mm512_cmpeq_epi32_mask(high, _mm512_set1_epi32(i32::MIN));
            _mm512_mask_mov_epi32(high, over, _mm512_set1_epi32(i32::MAX))
        };
        dot_pairs(acc, a, b) = _mm512_dpwssd_epi32(acc, a, b);
    }

    #[inline(always)]
    unsafe fn load_some(self, p: *const i32, count: usize) -> __m512i {
        // SAFETY: the token, and `count` readable integers; masked ones are not touched.
        unsafe { _mm512_maskz_loadu_epi32(first_lanes(count), p) }
    }

    #[inline(always)]
    unsafe fn store_some(self, p: *mut i32, x: __m512i, count: usize) {
        // SAFETY: the token, and `count` writable integers; masked ones are not touched.
        unsafe { _mm512_mask_storeu_epi32(p, first_lanes(count), x) }
    }

    #[inline(always)]
    fn negative(self, x: __m512i) -> u32 {
        // SAFETY: the token.
        unsafe { _mm512_cmplt_epi32_mask(x, _mm512_setzero_si512()).into() }
    }

    #[inline(always)]
    unsafe fn load_i16(self, p: *const i16) -> __m512i {
        // SAFETY: the token, and sixteen readable integers.
        unsafe { _mm512_cvtepi16_epi32(_mm256_loadu_si256(p.cast())) }
    }

    /// In each unit of 128 bits every vector has four bytes that are neighbours.
    #[inline(always)]
    fn floats<const SIGNED: bool>(self, bytes: __m512i) -> [__m512; 4] {
        self.distances::<SIGNED>(bytes, self.origin::<SIGNED>(0))
    }

    #[inline(always)]
    fn distances<const SIGNED: bool>(self, bytes: __m512i, origin: __m512) -> [__m512; 4] {
        // SAFETY: the token.
        unsafe {
            let bytes = if SIGNED { _mm512_xor_si512(bytes, _mm512_set1_epi8(i8::MIN)) } else { bytes };
            let exact = _mm512_castps_si512(_mm512_set1_ps(EXACT));
            let first = _mm512_set4_epi32(3, 2, 1, 0);
            array_of!(4, v => {
                // Below the exponent of 2²³ an integer is itself in the mantissa.
                let order = _mm512_add_epi32(first, _mm512_set1_epi32(4 * v as i32));
                let lowest = 0x1111_1111_1111_1111;
                let x = _mm512_mask_shuffle_epi8(exact, lowest, bytes, order);
                _mm512_sub_ps(_mm512_castsi512_ps(x), origin)
            })
        }
    }

    #[inline(always)]
    unsafe fn store_half<const HALF: usize>(self, p: *mut u8, bytes: __m512i) {
        // SAFETY: the token, and 32 writable bytes.
        unsafe {
            let half = match HALF {
                0 => _mm512_castsi512_si256(bytes),
                _ => _mm512_extracti64x4_epi64::<1>(bytes),
            };
            _mm256_storeu_si256(p.cast(), half);
        }
    }

    #[inline(always)]
    unsafe fn store_quarter<const QUARTER: usize>(self, p: *mut u8, bytes: __m512i) {
        // SAFETY: the token, and sixteen writable bytes.
        unsafe {
            let quarter = match QUARTER {
                0 => _mm512_castsi512_si128(bytes),
                1 => _mm512_extracti32x4_epi32::<1>(bytes),
                2 => _mm512_extracti32x4_epi32::<2>(bytes),
                _ => _mm512_extracti32x4_epi32::<3>(bytes),
            };
            _mm_storeu_si128(p.cast(), quarter);
        }
    }

    #[inline(always)]
    unsafe fn store_first(self, p: *mut u8, bytes: __m512i, count: usize) {
        // SAFETY: the token, and `count` writable bytes; masked ones are not touched.
        unsafe { _mm512_mask_storeu_epi8(p.cast(), first_bytes(count), bytes) }
    }

    #[inline(always)]
    unsafe fn load_u16x(self, p: *const u16) -> [__m512i; 2] {
        // SAFETY: the token, and 64 readable `u16`s.
        unsafe {
            let [a, b] = self.load_u16x_in_order(p);
            [
                _mm512_permutex2var_epi64(a, _mm512_setr_epi64(0, 1, 4, 5, 8, 9, 12, 13), b),
                _mm512_permutex2var_epi64(a, _mm512_setr_epi64(2, 3, 6, 7, 10, 11, 14, 15), b),
            ]
        }
    }

    #[inline(always)]
    unsafe fn store_u16x(self, p: *mut u16, [a, b]: [__m512i; 2]) {
        // SAFETY: the token, and 64 writable `u16`s.
        unsafe {
            let low = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), b);
            let high = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15), b);
            p.cast::<[__m512i; 2]>().write_unaligned([low, high]);
        }
    }

    #[inline(always)]
    fn rounding_shift_right(self, a: __m512i, n: __m512i) -> __m512i {
        // SAFETY: the token.
        unsafe {
            let one = _mm512_set1_epi32(1);
            let mask = _mm512_sub_epi32(_mm512_sllv_epi32(one, n), one);
            // `a >> 31` is −1 where `a` is negative.
            let threshold = _mm512_sub_epi32(_mm512_srli_epi32::<1>(mask), _mm512_srai_epi32::<31>(a));
            let up = _mm512_cmpgt_epi32_mask(_mm512_and_si512(a, mask), threshold);
            let down = _mm512_srav_epi32(a, n);
            _mm512_mask_add_epi32(down, up, down, one)
        }
    }
}

/// `_mm512_permutexvar_epi32`, which the compiler would split into one permutation for every part of its result that is
/// stored on its own.
///
/// # Safety
///
/// AVX-512F.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn permute(order: __m512i, mut lanes: __m512i) -> __m512i {
    // SAFETY: registers only; the instruction exists, as the caller promises.
    unsafe {
        asm!(
            "vpermd {lanes}, {order}, {lanes}",
            lanes = inout(zmm_reg) lanes,
            order = in(zmm_reg) order,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    lanes
}

/// A mask of the first `count` lanes, `1..=16`.
#[inline(always)]
fn first_lanes(count: usize) -> __mmask16 {
    u16::MAX >> (16 - count.clamp(1, 16))
}

/// A mask of the first `count` bytes, `1..=64`.
#[inline(always)]
pub(super) fn first_bytes(count: usize) -> __mmask64 {
    u64::MAX >> (64 - count.clamp(1, 64))
}
