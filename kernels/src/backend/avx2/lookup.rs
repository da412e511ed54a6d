//! Tables of bytes by `vpshufb`, sixteen entries at a time.

use core::arch::x86_64::*;

use crate::elementwise::lookup::{Lookup, LookupKernel, in_blocks};

pub(crate) static LOOKUP: LookupKernel = LookupKernel::of_backend(lookup, false);

/// Bytes of two vectors.
const BLOCK: usize = 64;

/// # Safety
///
/// As [`LookupFn`](crate::elementwise::contract::LookupFn).
#[target_feature(enable = "avx2")]
unsafe fn lookup(call: &Lookup<'_>) {
    // SAFETY: AVX2 is enabled here; `in_blocks` calls for whole blocks only.
    unsafe {
        let rows = differences(call.table);
        in_blocks::<BLOCK>(call, |input, out| block(&rows, input, out));
    }
}

/// The rows of the table as differences: [`block`] looks an index up in the eight rows that end with its own, and the XOR of
/// these differences is its row of the table.
#[inline(always)]
unsafe fn differences(table: &[u8; 256]) -> [__m256i; 16] {
    // SAFETY: AVX2, by the caller's promise; sixteen rows of sixteen bytes.
    unsafe {
        let mut rows = [_mm256_setzero_si256(); 16];
        let mut before = _mm256_setzero_si256();
        for k in 0..16 {
            let row = _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().add(16 * k).cast()));
            rows[k] = _mm256_xor_si256(row, before);
            if k >= 8 {
                rows[k] = _mm256_xor_si256(rows[k], rows[k - 8]);
            }
            before = row;
        }
        rows
    }
}

/// `vpshufb` gives 0 where an index is negative, and else takes its low four bits. The indices go down by sixteen from row to
/// row: an index is not negative for the eight rows that end at its own. From the ninth row on they saturate, so that those
/// of the first rows do not wrap around.
#[inline(always)]
unsafe fn block(rows: &[__m256i; 16], input: *const u8, out: *mut u8) {
    // SAFETY: AVX2, and 64 bytes of both, by the caller's promise.
    unsafe {
        let step = _mm256_set1_epi8(16);
        let mut x = [_mm256_loadu_si256(input.cast()), _mm256_loadu_si256(input.add(32).cast())];
        let mut found = [_mm256_shuffle_epi8(rows[0], x[0]), _mm256_shuffle_epi8(rows[0], x[1])];
        for (k, &row) in rows.iter().enumerate().skip(1) {
            for v in 0..2 {
                x[v] = if k <= 8 { _mm256_sub_epi8(x[v], step) } else { _mm256_subs_epi8(x[v], step) };
                found[v] = _mm256_xor_si256(found[v], _mm256_shuffle_epi8(row, x[v]));
            }
        }
        _mm256_storeu_si256(out.cast(), found[0]);
        _mm256_storeu_si256(out.add(32).cast(), found[1]);
    }
}
