//! Sums of rows on 256-bit vectors.

use core::arch::x86_64::*;

use super::Avx2;
use crate::backend::x86_row_sums::{Adder, ROWS, add_up, pair_zero};
use crate::gemm::{AddedRows, RowSums};

/// Of rows of bytes, for this backend and those that add other instructions to AVX2.
pub(crate) static BYTES: RowSums = RowSums { add_up: bytes, zero_factor: pair_zero };
/// Of rows of `i16`s.
pub(super) static I16S: RowSums = RowSums { add_up: i16s, zero_factor: pair_zero };

/// Bytes of a vector.
const VECTOR: usize = 32;

/// Bytes, added in groups of eight.
#[derive(Clone, Copy)]
struct Bytes(Avx2);

/// `i16`s, added in pairs.
#[derive(Clone, Copy)]
struct I16s(Avx2);

/// # Safety
///
/// As [`RowSums::add_up`].
#[target_feature(enable = "avx2")]
pub(crate) unsafe fn bytes(rows: &AddedRows) {
    // SAFETY: the caller's promises.
    unsafe {
        if rows.signed {
            add_up::<_, true>(Bytes(Avx2::new()), rows);
        } else {
            add_up::<_, false>(Bytes(Avx2::new()), rows);
        }
    }
}

/// # Safety
///
/// As [`RowSums::add_up`].
#[target_feature(enable = "avx2")]
unsafe fn i16s(rows: &AddedRows) {
    // SAFETY: the caller's promises.
    unsafe { add_up::<_, false>(I16s(Avx2::new()), rows) }
}

impl Adder for Bytes {
    type V = __m256i;
    const VECTOR: usize = VECTOR;
    const ELEMENT: usize = 1;

    #[inline(always)]
    fn zero(self) -> __m256i {
        // SAFETY: the token.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn load(self, p: *const u8) -> __m256i {
        // SAFETY: the token, and 32 readable bytes.
        unsafe { _mm256_loadu_si256(p.cast()) }
    }

    #[inline(always)]
    unsafe fn load_first(self, p: *const u8, count: usize) -> __m256i {
        // SAFETY: the token, and `count` readable bytes.
        unsafe { load_first(p, count) }
    }

    #[inline(always)]
    fn flip(self, bytes: __m256i) -> __m256i {
        // SAFETY: the token.
        unsafe { _mm256_xor_si256(bytes, _mm256_set1_epi8(i8::MIN)) }
    }

    #[inline(always)]
    fn add(self, sums: __m256i, bytes: __m256i) -> __m256i {
        // SAFETY: the token.
        unsafe { _mm256_add_epi64(sums, _mm256_sad_epu8(bytes, _mm256_setzero_si256())) }
    }

    #[inline(always)]
    fn totals(self, [a, b, c, d]: [__m256i; ROWS]) -> __m128i {
        // SAFETY: the token.
        unsafe {
            // The low halves of two rows' sums side by side.
            let ab = _mm256_blend_epi32::<0b1010_1010>(a, _mm256_slli_epi64::<32>(b));
            let cd = _mm256_blend_epi32::<0b1010_1010>(c, _mm256_slli_epi64::<32>(d));
            let sums = _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
            _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums))
        }
    }
}

impl Adder for I16s {
    type V = __m256i;
    const VECTOR: usize = VECTOR;
    const ELEMENT: usize = 2;

    #[inline(always)]
    fn zero(self) -> __m256i {
        Bytes(self.0).zero()
    }

    #[inline(always)]
    unsafe fn load(self, p: *const u8) -> __m256i {
        // SAFETY: the caller's promise.
        unsafe { Bytes(self.0).load(p) }
    }

    #[inline(always)]
    unsafe fn load_first(self, p: *const u8, count: usize) -> __m256i {
        // SAFETY: the caller's promise. Elements stay together.
        unsafe { Bytes(self.0).load_first(p, count) }
    }

    /// Wide elements are not flipped.
    #[inline(always)]
    fn flip(self, elements: __m256i) -> __m256i {
        elements
    }

    #[inline(always)]
    fn add(self, sums: __m256i, elements: __m256i) -> __m256i {
        // SAFETY: the token.
        unsafe { _mm256_add_epi32(sums, _mm256_madd_epi16(elements, _mm256_set1_epi16(1))) }
    }

    #[inline(always)]
    fn totals(self, [a, b, c, d]: [__m256i; ROWS]) -> __m128i {
        // SAFETY: the token.
        unsafe {
            let sums = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
            _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums))
        }
    }
}

/// The first `count` bytes, `1..32`: words, and what is left of the last one. Pairs of bytes stay together.
///
/// # Safety
///
/// AVX2, and `count` readable bytes.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load_first(p: *const u8, count: usize) -> __m256i {
    // SAFETY: no word is read that is not among the bytes.
    unsafe {
        let word = |at: usize| p.add(at).cast::<i64>().read_unaligned();
        let (first, second) = if count >= 16 { (word(0), word(8)) } else { (0, 0) };
        let at = count & 16;
        let third = if count - at >= 8 { word(at) } else { 0 };
        let left = count % 8;
        let last = match left {
            0 => 0,
            _ if count >= 8 => (word(count - 8).cast_unsigned() >> (64 - 8 * left)).cast_signed(),
            _ => (0..left).rev().fold(0, |bytes, i| bytes << 8 | i64::from(*p.add(i))),
        };
        _mm256_set_epi64x(last, third, second, first)
    }
}
