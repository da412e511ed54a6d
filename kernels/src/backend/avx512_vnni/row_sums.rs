//! Sums of rows of bytes on 512-bit vectors; a last vector is masked.

use core::arch::x86_64::*;

use super::Avx512;
use super::simd::first_bytes;
use crate::backend::avx2;
use crate::backend::x86_row_sums::{Adder, ROWS, add_up, pair_zero};
use crate::gemm::{AddedRows, RowSums};

pub(super) static BYTES: RowSums = RowSums { add_up: bytes, zero_factor: pair_zero };

/// # Safety
///
/// As [`RowSums::add_up`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn bytes(rows: &AddedRows) {
    // SAFETY: the caller's promises; AVX2 is among the features.
    unsafe {
        if rows.len <= avx2::row_sums::VECTOR {
            avx2::row_sums::bytes(rows);
        } else if rows.signed {
            add_up::<_, true>(Avx512::new(), rows);
        } else {
            add_up::<_, false>(Avx512::new(), rows);
        }
    }
}

impl Adder for Avx512 {
    type V = __m512i;
    const VECTOR: usize = 64;
    const ELEMENT: usize = 1;

    #[inline(always)]
    fn zero(self) -> __m512i {
        // SAFETY: the token.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn load(self, p: *const u8) -> __m512i {
        // SAFETY: the token, and 64 readable bytes.
        unsafe { _mm512_loadu_si512(p.cast()) }
    }

    #[inline(always)]
    unsafe fn load_first(self, p: *const u8, count: usize) -> __m512i {
        // SAFETY: the token, and `count` readable bytes; masked ones are not touched.
        unsafe { _mm512_maskz_loadu_epi8(first_bytes(count), p.cast()) }
    }

    #[inline(always)]
    fn flip(self, bytes: __m512i) -> __m512i {
        // SAFETY: the token.
        unsafe { _mm512_xor_si512(bytes, _mm512_set1_epi8(i8::MIN)) }
    }

    #[inline(always)]
    fn add(self, sums: __m512i, bytes: __m512i) -> __m512i {
        // SAFETY: the token.
        unsafe { _mm512_add_epi64(sums, _mm512_sad_epu8(bytes, _mm512_setzero_si512())) }
    }

    #[inline(always)]
    fn totals(self, [a, b, c, d]: [__m512i; ROWS]) -> __m128i {
        // SAFETY: the token.
        unsafe {
            // The low halves of two rows' sums side by side.
            let odd = 0b1010_1010_1010_1010;
            let ab = _mm512_mask_blend_epi32(odd, a, _mm512_slli_epi64::<32>(b));
            let cd = _mm512_mask_blend_epi32(odd, c, _mm512_slli_epi64::<32>(d));
            let sums = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
            let half = _mm512_extracti64x4_epi64::<1>(sums);
            let sums = _mm256_add_epi32(_mm512_castsi512_si256(sums), half);
            _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums))
        }
    }
}
