//! Sums of rows of bytes on 512-bit vectors; a last vector is masked. Rows that fill half a vector at most share one.

use core::arch::x86_64::*;

use super::Avx512;
use super::simd::first_bytes;
use crate::backend::avx2;
use crate::backend::x86_row_sums::{Adder, ROWS, add_up, neighbours, pair_zero, store};
use crate::gemm::{AddedRows, RowSums};

/// Bytes of half a vector.
const HALF: usize = 32;

pub(super) static BYTES: RowSums = RowSums { add_up: bytes, zero_factor: pair_zero };

/// # Safety
///
/// As [`RowSums::add_up`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn bytes(rows: &AddedRows) {
    // SAFETY: the caller's promises; AVX2 is among the features.
    unsafe {
        if rows.len <= HALF {
            match rows.stride {
                Some(stride) if rows.segments == 1 && rows.rows > 0 => {
                    if rows.signed {
                        halves::<true>(rows, stride);
                    } else {
                        halves::<false>(rows, stride);
                    }
                }
                _ => avx2::row_sums::bytes(rows),
            }
        } else if rows.signed {
            add_up::<_, true>(Avx512::new(), rows);
        } else {
            add_up::<_, false>(Avx512::new(), rows);
        }
    }
}

/// Adds up rows of at most [`HALF`] bytes, eight at a time.
///
/// # Safety
///
/// As [`RowSums::add_up`]; the rows have one segment, and lie `stride` apart.
#[inline(always)]
unsafe fn halves<const SIGNED: bool>(rows: &AddedRows, stride: usize) {
    // Flipped bytes are 128 more than they were, those behind a row's last one 128.
    let flipped = if SIGNED { (HALF * 128) as i32 } else { 0 };
    let offset = rows.offset.wrapping_sub(flipped);
    // SAFETY: the caller's promises; masked bytes are not touched, and there is room for the sums.
    unsafe {
        let isa = Avx512::new();
        // Rows may have no elements.
        let mask = ((1u64 << rows.len) - 1) as __mmask32;
        let mut start = rows.segment(rows.first(), 0);
        for first in (0..rows.rows).step_by(2 * ROWS) {
            let at: [*const u8; 2 * ROWS] = neighbours(start, stride, rows.rows - first);
            start = start.wrapping_add(2 * ROWS * stride);
            // Rows 0 and 1, 2 and 3 …
            let mut sums = [isa.zero(); ROWS];
            for (i, sums) in sums.iter_mut().enumerate() {
                let low = _mm256_maskz_loadu_epi8(mask, at[2 * i].cast());
                let high = _mm256_maskz_loadu_epi8(mask, at[2 * i + 1].cast());
                let bytes = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high);
                *sums = isa.add(*sums, if SIGNED { isa.flip(bytes) } else { bytes });
            }
            let units = sums_by_unit(isa, sums);
            let totals = _mm512_add_epi32(units, _mm512_shuffle_i32x4::<0b10_11_00_01>(units, units));
            // Even rows are in the first unit, odd ones in the third.
            let order = _mm512_setr_epi32(0, 8, 1, 9, 2, 10, 3, 11, 0, 0, 0, 0, 0, 0, 0, 0);
            let totals = _mm512_castsi512_si256(_mm512_permutexvar_epi32(order, totals));
            store(rows, first, _mm256_castsi256_si128(totals), offset, false);
            if rows.rows - first > ROWS {
                store(rows, first + ROWS, _mm256_extracti128_si256::<1>(totals), offset, false);
            }
        }
    }
}

/// Of the sums of eight bytes each, those of every unit of 128 bits added: a lane for each vector.
#[inline(always)]
fn sums_by_unit(_: Avx512, [a, b, c, d]: [__m512i; ROWS]) -> __m512i {
    // SAFETY: the token.
    unsafe {
        // The low halves of two rows' sums side by side.
        let odd = 0b1010_1010_1010_1010;
        let ab = _mm512_mask_blend_epi32(odd, a, _mm512_slli_epi64::<32>(b));
        let cd = _mm512_mask_blend_epi32(odd, c, _mm512_slli_epi64::<32>(d));
        _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd))
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
    fn totals(self, sums: [__m512i; ROWS]) -> __m128i {
        let sums = sums_by_unit(self, sums);
        // SAFETY: the token.
        unsafe {
            let half = _mm512_extracti64x4_epi64::<1>(sums);
            let sums = _mm256_add_epi32(_mm512_castsi512_si256(sums), half);
            _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums))
        }
    }
}
