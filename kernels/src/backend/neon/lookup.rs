//! Tables of bytes by `TBL` and `TBX`, 64 entries at a time.

use core::arch::aarch64::*;

use crate::elementwise::lookup::{Lookup, LookupKernel, in_blocks};

pub(crate) static LOOKUP: LookupKernel = LookupKernel::of_backend(lookup, true);

/// Bytes of two vectors.
const BLOCK: usize = 32;

/// # Safety
///
/// As [`LookupFn`](crate::elementwise::contract::LookupFn).
#[target_feature(enable = "neon")]
unsafe fn lookup(call: &Lookup<'_>) {
    // SAFETY: NEON is enabled here; the table has four times 64 bytes; `in_blocks` calls for whole blocks only.
    unsafe {
        let quarter = |n: usize| vld1q_u8_x4(call.table.as_ptr().add(64 * n));
        let table = [quarter(0), quarter(1), quarter(2), quarter(3)];
        in_blocks::<BLOCK>(call, |input, out| block(&table, input, out));
    }
}

/// `TBL` gives 0 for an index of 64 or more and `TBX` keeps the destination: every quarter of the table serves its own indices.
#[inline(always)]
unsafe fn block(table: &[uint8x16x4_t; 4], input: *const u8, out: *mut u8) {
    // SAFETY: NEON, and 32 bytes of both, by the caller's promise.
    unsafe {
        let quarter = vdupq_n_u8(64);
        let mut x = [vld1q_u8(input), vld1q_u8(input.add(16))];
        let mut found = [vqtbl4q_u8(table[0], x[0]), vqtbl4q_u8(table[0], x[1])];
        for &rows in &table[1..] {
            for v in 0..2 {
                x[v] = vsubq_u8(x[v], quarter);
                found[v] = vqtbx4q_u8(found[v], rows, x[v]);
            }
        }
        vst1q_u8(out, found[0]);
        vst1q_u8(out.add(16), found[1]);
    }
}
