//! Weights that come from memory are asked for before they are needed: the hardware's own prefetchers stop at the borders of
//! pages, and follow few panels at a time.

use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

/// How far ahead, in bytes of a panel.
pub(crate) const AHEAD: usize = 2048;

/// Asks for the line [`AHEAD`] bytes past `panel`, and for the same line of the panels after it: `panels` in all, `stride` bytes
/// apart.
#[inline(always)]
pub(crate) fn ask_ahead(panel: *const u8, stride: usize, panels: usize) {
    for index in 0..panels {
        let line = panel.wrapping_add(index * stride + AHEAD);
        // SAFETY: every x86-64 CPU has SSE, and of an address that is not valid nothing is fetched.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) };
    }
}
