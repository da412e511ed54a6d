//! What comes from memory is asked for before it is needed: the hardware's own prefetchers stop at the borders of pages, and follow
//! few streams at a time. Nothing is asked for on other CPUs than x86: that is not measured.

/// How far ahead, in bytes.
#[cfg(target_arch = "x86_64")]
pub(crate) const PREFETCH_DISTANCE: usize = 2048;

/// Elements of a call from which on its bytes are asked for ahead: fewer may be in a second-level cache.
pub(crate) const PREFETCH_LEN: usize = 256 << 10;

/// Asks for the line [`PREFETCH_DISTANCE`] bytes past `p`, wherever that is.
#[inline(always)]
pub(crate) fn prefetch(p: *const u8) {
    #[cfg(target_arch = "x86_64")]
    {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 CPU has SSE, and of an address that is not valid nothing is fetched.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(p.wrapping_add(PREFETCH_DISTANCE).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = p;
}

/// Asks for the line [`PREFETCH_DISTANCE`] bytes past a panel, and for the same line of the panels after it: `panels` in all, `stride` bytes
/// apart.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn prefetch_panels(panel: *const u8, stride: usize, panels: usize) {
    for index in 0..panels {
        prefetch(panel.wrapping_add(index * stride));
    }
}
