//! Copies of rows with flipped top bits, 32 bytes at a time; a last vector overlaps the one before.

use core::arch::x86_64::*;

use crate::gemm::ByteRows;

/// # Safety
///
/// As [`CopyRows`](crate::gemm::CopyRows).
#[target_feature(enable = "avx2")]
pub(crate) unsafe fn flip(rows: &ByteRows) {
    // SAFETY: reads and writes are within a row's bytes.
    unsafe {
        let top_bits = _mm256_set1_epi8(i8::MIN);
        let len = rows.len;
        for row in 0..rows.rows {
            let from = rows.bytes.add(row * rows.stride);
            let to = rows.copies.add(row * rows.copies_stride);
            let vector = |at: usize| {
                let bytes = _mm256_loadu_si256(from.add(at).cast());
                _mm256_storeu_si256(to.add(at).cast(), _mm256_xor_si256(bytes, top_bits));
            };
            let word = |at: usize| {
                let bytes = from.add(at).cast::<u64>().read_unaligned();
                to.add(at).cast::<u64>().write_unaligned(bytes ^ 0x8080_8080_8080_8080);
            };
            if len >= 32 {
                (0..=len - 32).step_by(32).for_each(vector);
                vector(len - 32);
            } else if len >= 8 {
                (0..=len - 8).step_by(8).for_each(word);
                word(len - 8);
            } else {
                for at in 0..len {
                    *to.add(at) = *from.add(at) ^ 0x80;
                }
            }
        }
    }
}
