//! Copies of rows with flipped top bits, 64 bytes at a time; a last vector is masked.

use core::arch::x86_64::*;

use super::simd::first_bytes;
use crate::gemm::ByteRows;

/// # Safety
///
/// As [`CopyRows`](crate::gemm::CopyRows).
#[target_feature(enable = "avx512f,avx512bw")]
pub(super) unsafe fn flip(rows: &ByteRows) {
    // SAFETY: reads and writes are within a row's bytes; masked ones are not touched.
    unsafe {
        let top_bits = _mm512_set1_epi8(i8::MIN);
        for row in 0..rows.rows {
            let from = rows.bytes.add(row * rows.stride);
            let to = rows.copies.add(row * rows.copies_stride);
            let mut at = 0;
            while at + 64 <= rows.len {
                let bytes = _mm512_loadu_si512(from.add(at).cast());
                _mm512_storeu_si512(to.add(at).cast(), _mm512_xor_si512(bytes, top_bits));
                at += 64;
            }
            if at < rows.len {
                let mask = first_bytes(rows.len - at);
                let bytes = _mm512_maskz_loadu_epi8(mask, from.add(at).cast());
                _mm512_mask_storeu_epi8(to.add(at).cast(), mask, _mm512_xor_si512(bytes, top_bits));
            }
        }
    }
}
