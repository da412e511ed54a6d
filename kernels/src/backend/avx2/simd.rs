//! [`Simd`] on 256-bit vectors of eight lanes.

use core::arch::x86_64::*;

use crate::backend::x86::{Avx2, bits256, x86_operations};
use crate::simd::{Simd, array_of};

// SAFETY: lane by lane the scalar definitions (floats under the default rounding mode, which Rust assumes). Of an ISA
// with AVX2 the token proves all features, and vectors are their lanes in memory.
unsafe impl Simd for Avx2 {
    x86_operations! {
        bits256;
        narrow(x) = _mm256_permutevar8x32_epi32(x, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
        narrow_u16x(x) = _mm256_permute4x64_epi64::<0b11_01_10_00>(x);
        nan_to_zero(x) = _mm256_and_ps(x, _mm256_cmp_ps::<_CMP_ORD_Q>(x, x));
        any_greater(a, b) = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(a, b)) != 0;
        load_extended(p) = _mm_loadl_epi64(p.cast());
        rounding_doubling_high_mul(even, odd) = {
            let high = _mm256_blend_epi32::<0b1010_1010>(even, odd);
            // Only MIN·MIN reaches 2³¹, which reads as MIN: its complement is MAX.
            _mm256_xor_si256(high, _mm256_cmpeq_epi32(high, _mm256_set1_epi32(i32::MIN)))
        };
        dot_pairs(acc, a, b) = _mm256_add_epi32(acc, _mm256_madd_epi16(a, b));
    }

    #[inline(always)]
    fn negative(self, x: __m256i) -> u32 {
        // SAFETY: the token.
        unsafe { _mm256_movemask_ps(_mm256_castsi256_ps(x)).cast_unsigned() }
    }

    #[inline(always)]
    unsafe fn load_i16(self, p: *const i16) -> __m256i {
        // SAFETY: the token, and eight readable integers.
        unsafe { _mm256_cvtepi16_epi32(_mm_loadu_si128(p.cast())) }
    }

    /// In each unit of 128 bits every vector has four bytes that are neighbours.
    #[inline(always)]
    fn floats<const SIGNED: bool>(self, bytes: __m256i) -> [__m256; 4] {
        if SIGNED {
            return self.distances::<true>(bytes, self.origin::<true>(0));
        }
        // SAFETY: the token.
        unsafe {
            // The lowest byte of a lane, and three zero bytes.
            let first = _mm256_setr_epi32(-256, -255, -254, -253, -256, -255, -254, -253);
            array_of!(4, v => {
                let order = _mm256_add_epi32(first, _mm256_set1_epi32(4 * v as i32));
                _mm256_cvtepi32_ps(_mm256_shuffle_epi8(bytes, order))
            })
        }
    }

    #[inline(always)]
    fn distances<const SIGNED: bool>(self, bytes: __m256i, origin: __m256) -> [__m256; 4] {
        self.u16x_distances(self.to_u16x::<SIGNED>(bytes), origin)
    }

    #[inline(always)]
    unsafe fn store_half<const HALF: usize>(self, p: *mut u8, bytes: __m256i) {
        // SAFETY: the token, and sixteen writable bytes.
        unsafe { _mm_storeu_si128(p.cast(), self.half::<HALF>(bytes)) }
    }

    #[inline(always)]
    unsafe fn store_quarter<const QUARTER: usize>(self, p: *mut u8, bytes: __m256i) {
        // SAFETY: the token, and eight writable bytes.
        unsafe {
            match QUARTER {
                0 => _mm_storel_epi64(p.cast(), self.half::<0>(bytes)),
                1 => _mm_storeh_pd(p.cast(), _mm_castsi128_pd(self.half::<0>(bytes))),
                2 => _mm_storel_epi64(p.cast(), self.half::<1>(bytes)),
                _ => _mm_storeh_pd(p.cast(), _mm_castsi128_pd(self.half::<1>(bytes))),
            }
        }
    }

    #[inline(always)]
    unsafe fn load_u16x(self, p: *const u16) -> [__m256i; 2] {
        // SAFETY: the token, and 32 readable `u16`s.
        unsafe { self.exchange_units(self.load_u16x_in_order(p)) }
    }

    #[inline(always)]
    unsafe fn store_u16x(self, p: *mut u16, x: [__m256i; 2]) {
        // SAFETY: the token, and 32 writable `u16`s.
        unsafe { p.cast::<[__m256i; 2]>().write_unaligned(self.exchange_units(x)) }
    }

    #[inline(always)]
    fn rounding_shift_right(self, a: __m256i, n: __m256i) -> __m256i {
        // SAFETY: the token.
        unsafe {
            let mask = _mm256_sub_epi32(_mm256_sllv_epi32(_mm256_set1_epi32(1), n), _mm256_set1_epi32(1));
            // `a >> 31` is −1 where `a` is negative, and so is a comparison that holds.
            let threshold = _mm256_sub_epi32(_mm256_srli_epi32::<1>(mask), _mm256_srai_epi32::<31>(a));
            let up = _mm256_cmpgt_epi32(_mm256_and_si256(a, mask), threshold);
            _mm256_sub_epi32(_mm256_srav_epi32(a, n), up)
        }
    }
}

impl Avx2 {
    /// Unit `HALF` of 128 bits.
    #[inline(always)]
    fn half<const HALF: usize>(self, bytes: __m256i) -> __m128i {
        // SAFETY: the token.
        unsafe {
            match HALF {
                0 => _mm256_castsi256_si128(bytes),
                _ => _mm256_extracti128_si256::<1>(bytes),
            }
        }
    }

    /// The first units of 128 bits of both vectors, and the second ones.
    #[inline(always)]
    pub(crate) fn exchange_units(self, [a, b]: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: the token.
        unsafe { [_mm256_permute2x128_si256::<0x20>(a, b), _mm256_permute2x128_si256::<0x31>(a, b)] }
    }
}
