//! Sums of rows for kernels on pairs of `i16`s: what AVX2 and AVX-512 do alike. Four rows are added up at a time, because the
//! last steps of a sum, from a vector to a number, cost the same for four as for one.
//!
//! A zero point times the sum of a row is one instruction that way: see `pair_sums`.

use core::arch::x86_64::*;

use crate::gemm::{AddedRows, RowSums};
use crate::simd::array_of;

/// Rows that are added up together.
pub(crate) const ROWS: usize = 4;

/// A token's vectors of bytes or `i16`s, and their sums.
pub(crate) trait Adder: Copy {
    /// The vectors, of elements and of sums.
    type V: Copy;
    /// Bytes of a vector, and of an element.
    const VECTOR: usize;
    const ELEMENT: usize;

    /// No sum.
    fn zero(self) -> Self::V;

    /// A vector from `p`.
    ///
    /// # Safety
    ///
    /// `p` is valid for [`VECTOR`](Self::VECTOR) bytes.
    unsafe fn load(self, p: *const u8) -> Self::V;

    /// The first `count` bytes, fewer than a vector has, in any order; the others are 0.
    ///
    /// # Safety
    ///
    /// `p` is valid for these.
    unsafe fn load_first(self, p: *const u8, count: usize) -> Self::V;

    /// Flips the top bits of bytes.
    fn flip(self, bytes: Self::V) -> Self::V;

    /// Adds the elements of a vector to sums.
    fn add(self, sums: Self::V, elements: Self::V) -> Self::V;

    /// The totals of four vectors of sums, mod 2³².
    fn totals(self, sums: [Self::V; ROWS]) -> __m128i;
}

/// The pair form of a zero point.
pub(crate) fn pair_zero(zero_point: i8) -> i32 {
    let low = i32::from(zero_point);
    low << 24 | (low & 0xffff)
}

/// The pair form of sums within ±2²³: of the sum `s`, the pair `(−s mod 256, ⌊−s / 256⌋)`. Times `(z, 256·z)`, the form of a zero point,
/// it is `−s·z`, and no part leaves an `i16`.
#[inline(always)]
fn pair_sums(sums: __m128i) -> __m128i {
    // SAFETY: SSE2, which every x86-64 CPU has.
    unsafe {
        let negative = _mm_sub_epi32(_mm_setzero_si128(), sums);
        let low = _mm_and_si128(negative, _mm_set1_epi32(0xff));
        let high = _mm_and_si128(_mm_slli_epi32::<8>(negative), _mm_set1_epi32(!0xffff));
        _mm_or_si128(low, high)
    }
}

/// Writes the sums of rows.
///
/// # Safety
///
/// As [`RowSums::add_up`]; the rows have the token's elements.
#[inline(always)]
pub(crate) unsafe fn add_up<A: Adder, const SIGNED: bool>(isa: A, rows: &AddedRows) {
    let len = rows.len * A::ELEMENT;
    // Flipped bytes are 128 more than they were, those behind a segment's last one 128.
    let flipped = if SIGNED { rows.segments.wrapping_mul(len.next_multiple_of(A::VECTOR)) as i32 } else { 0 };
    let offset = rows.offset.wrapping_sub(flipped.wrapping_mul(128));
    let plain = RowSums::are_plain(rows.segments.wrapping_mul(rows.len));
    if rows.rows > 0
        && rows.segments == 1
        && let Some(stride) = rows.stride
    {
        // SAFETY: the rows and their segment exist, `stride` apart; there is room for their sums.
        unsafe {
            let mut start = rows.segment(rows.first(), 0);
            for first in (0..rows.rows).step_by(ROWS) {
                let mut sums = [isa.zero(); ROWS];
                let at = neighbours(start, stride, rows.rows - first);
                start = start.wrapping_add(ROWS * stride);
                add_segments::<A, SIGNED>(isa, &mut sums, at, len);
                store(rows, first, isa.totals(sums), offset, plain);
            }
        }
        return;
    }
    let mut next = rows.first();
    for first in (0..rows.rows).step_by(ROWS) {
        let mut four = [next; ROWS];
        for (row, at) in (first..).zip(&mut four) {
            *at = next;
            if row + 1 < rows.rows {
                next = rows.below(next);
            }
        }
        let mut sums = [isa.zero(); ROWS];
        // SAFETY: these rows and segments exist; there is room for the sums.
        unsafe {
            for segment in 0..rows.segments {
                let at = array_of!(4, i => rows.segment(four[i], segment));
                add_segments::<A, SIGNED>(isa, &mut sums, at, len);
            }
            store(rows, first, isa.totals(sums), offset, plain);
        }
    }
}

/// Addresses of rows that lie `stride` apart, of which there are `rows` from `first` on: past the last row that one again.
#[inline(always)]
pub(crate) fn neighbours<const N: usize>(first: *const u8, stride: usize, rows: usize) -> [*const u8; N] {
    let mut at = [first; N];
    if rows >= N {
        for (i, at) in at.iter_mut().enumerate() {
            *at = first.wrapping_add(i * stride);
        }
    } else {
        for (i, at) in at.iter_mut().enumerate() {
            *at = first.wrapping_add(i.min(rows - 1) * stride);
        }
    }
    at
}

/// Adds a segment of each of four rows to their sums.
///
/// # Safety
///
/// The segments have `len` bytes.
#[inline(always)]
unsafe fn add_segments<A: Adder, const SIGNED: bool>(
    isa: A,
    sums: &mut [A::V; ROWS],
    at: [*const u8; ROWS],
    len: usize,
) {
    let mut k = 0;
    // SAFETY: the bytes are those of the segments.
    unsafe {
        while k + A::VECTOR <= len {
            for i in 0..ROWS {
                let bytes = isa.load(at[i].add(k));
                sums[i] = isa.add(sums[i], if SIGNED { isa.flip(bytes) } else { bytes });
            }
            k += A::VECTOR;
        }
        if k < len {
            for i in 0..ROWS {
                let bytes = isa.load_first(at[i].add(k), len - k);
                sums[i] = isa.add(sums[i], if SIGNED { isa.flip(bytes) } else { bytes });
            }
        }
    }
}

/// Writes the sums of four rows from `first` on, or of those that there are.
///
/// # Safety
///
/// There is room for them.
#[inline(always)]
pub(crate) unsafe fn store(rows: &AddedRows, first: usize, totals: __m128i, offset: i32, plain: bool) {
    // SAFETY: SSE2, which every x86-64 CPU has; the caller's promise.
    unsafe {
        let totals = _mm_add_epi32(totals, _mm_set1_epi32(offset));
        let totals = if plain { totals } else { pair_sums(totals) };
        let count = (rows.rows - first).min(ROWS);
        if count == ROWS {
            _mm_storeu_si128(rows.sums.add(first).cast(), totals);
        } else {
            let mut each = [0i32; ROWS];
            _mm_storeu_si128(each.as_mut_ptr().cast(), totals);
            each.as_ptr().copy_to_nonoverlapping(rows.sums.add(first), count);
        }
    }
}
