//! Software prefetch of data that comes from memory: the hardware's own prefetchers stop at page borders and follow few
//! streams at a time. On CPUs other than x86 nothing is prefetched: that is not measured.

#[cfg(target_arch = "x86_64")]
use core::arch::asm;

/// Distance of a prefetch, in bytes.
pub(crate) const PREFETCH_DISTANCE: usize = 2048;

/// Elements of a call at or above which its bytes are prefetched: fewer may be in a second-level cache.
pub(crate) const PREFETCH_LEN: usize = 256 << 10;

/// Prefetches the line [`PREFETCH_DISTANCE`] bytes past `p`, wherever that is.
#[inline(always)]
pub(crate) fn prefetch(p: *const u8) {
    #[cfg(target_arch = "x86_64")]
    prefetch_at(p.wrapping_add(PREFETCH_DISTANCE));
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}

/// Prefetches the line of `p`, wherever that is.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn prefetch_at(p: *const u8) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: every x86-64 CPU has SSE, and a prefetch of an invalid address does nothing.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) };
}

/// Prefetches the line of `p`, wherever that is, into the second-level cache.
#[inline(always)]
pub(crate) fn prefetch_line(p: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: as in `prefetch`.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(p.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}

/// Prefetches the line of `p`, wherever that is, to write it.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn prefetch_to_write(p: *const u8) {
    // SAFETY: a prefetch of an invalid address does nothing, nor does the instruction where the CPU lacks it.
    unsafe { asm!("prefetchw [{p}]", p = in(reg) p, options(nostack, preserves_flags, readonly)) };
}

/// Prefetches the lines of `panel` and of the panels after it, `panels` in all, which lie `stride` bytes apart.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn prefetch_panels(panel: *const u8, stride: usize, panels: usize) {
    for index in 0..panels {
        prefetch_at(panel.wrapping_add(index * stride));
    }
}
