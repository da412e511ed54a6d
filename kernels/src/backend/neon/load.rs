//! Loads that stop where the bytes do.

use core::arch::aarch64::{uint8x16_t, vcombine_u8, vcreate_u8};

/// The first `n` bytes at `p`, then zeros. Reads nothing else: a page may end after them.
///
/// # Safety
///
/// `n ≤ 15`, `p` is valid for `n` bytes, and the CPU has NEON.
#[inline(always)]
pub(crate) unsafe fn load_first(p: *const u8, n: usize) -> uint8x16_t {
    // SAFETY: each read lies within the `n` bytes: two reads of 8, 4 or 2 bytes that may overlap, or one byte.
    unsafe {
        let (low, high) = if n >= 8 {
            let last = p.add(n - 8).cast::<u64>().read_unaligned();
            // The last eight bytes without the `16 − n` that the first eight have, too; two shifts, because for n = 8
            // one would be by the full width.
            (p.cast::<u64>().read_unaligned(), last >> (8 * (15 - n)) >> 8)
        } else if n >= 4 {
            let first = p.cast::<u32>().read_unaligned();
            let last = p.add(n - 4).cast::<u32>().read_unaligned();
            (u64::from(first) | u64::from(last) << (8 * (n - 4)), 0)
        } else if n >= 2 {
            let first = p.cast::<u16>().read_unaligned();
            let last = p.add(n - 2).cast::<u16>().read_unaligned();
            (u64::from(first) | u64::from(last) << (8 * (n - 2)), 0)
        } else if n == 1 {
            (u64::from(p.read()), 0)
        } else {
            (0, 0)
        };
        vcombine_u8(vcreate_u8(low), vcreate_u8(high))
    }
}

#[cfg(test)]
mod tests {
    use super::load_first;

    #[test]
    fn loads_the_first_bytes_and_zeros() {
        let bytes: [u8; 16] = core::array::from_fn(|i| i as u8 + 1);
        for n in 0..16 {
            let mut expected = [0; 16];
            expected[..n].copy_from_slice(&bytes[..n]);
            let exact = bytes[..n].to_vec();
            // SAFETY: `exact` has n ≤ 15 bytes; this target has NEON.
            let loaded: [u8; 16] = unsafe { core::mem::transmute(load_first(exact.as_ptr(), n)) };
            assert_eq!(loaded, expected, "{n}");
        }
    }
}
