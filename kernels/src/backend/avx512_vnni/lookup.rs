//! Tables of bytes by `vpermi2b`, 128 entries at a time: all CPUs with AVX-512 VNNI but those of the first generation (Cascade
//! Lake, Cooper Lake) have it.

use core::arch::x86_64::*;

use super::simd::first_bytes;
use crate::elementwise::lookup::{Lookup, LookupKernel};
use crate::entry::detect_features;
use crate::prefetch::{PREFETCH_LEN, prefetch};

pub(super) static LOOKUP: LookupKernel =
    LookupKernel { detect: || detect_features!("avx512vbmi"), code: lookup, beats_rescaling: true };

const BLOCK: usize = 64;

/// # Safety
///
/// As [`LookupFn`](crate::elementwise::lookup::LookupFn).
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
unsafe fn lookup(call: &Lookup<'_>) {
    // SAFETY: the features are enabled here; the table has four vectors; blocks lie inside the `len` bytes, and of a partial
    // one the masks leave the rest alone.
    unsafe {
        let row = |n: usize| _mm512_loadu_si512(call.table.as_ptr().add(BLOCK * n).cast());
        let table = [row(0), row(1), row(2), row(3)];
        let mut at = 0;
        while at + BLOCK <= call.len {
            if call.len >= PREFETCH_LEN {
                prefetch(call.input.wrapping_add(at));
                prefetch(call.out.wrapping_add(at));
            }
            let x = _mm512_loadu_si512(call.input.add(at).cast());
            _mm512_storeu_si512(call.out.add(at).cast(), find(table, x));
            at += BLOCK;
        }
        if at < call.len {
            let mask = first_bytes(call.len - at);
            let x = _mm512_maskz_loadu_epi8(mask, call.input.add(at).cast());
            _mm512_mask_storeu_epi8(call.out.add(at).cast(), mask, find(table, x));
        }
    }
}

/// The instruction takes an index of seven bits: the eighth chooses between the halves of the table.
#[inline(always)]
unsafe fn find(table: [__m512i; 4], x: __m512i) -> __m512i {
    // SAFETY: the caller's features.
    unsafe {
        let low = _mm512_permutex2var_epi8(table[0], x, table[1]);
        let high = _mm512_permutex2var_epi8(table[2], x, table[3]);
        _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(x), high)
    }
}
