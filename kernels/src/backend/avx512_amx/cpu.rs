//! Whether the CPU multiplies tiles of bytes, and the operating system saves them.

use crate::assumed;

/// Whether it does: on Linux, where the process can ask for the permission. Asks nothing of the operating system.
pub(super) fn has_int8_tiles() -> bool {
    cfg_if::cfg_if! {
        if #[cfg(all(feature = "std", target_os = "linux"))] {
            use std::sync::OnceLock;

            // The instruction leaves a virtual machine each time.
            static FOUND: OnceLock<bool> = OnceLock::new();
            *FOUND.get_or_init(|| linux::found() || emulated())
        } else {
            false
        }
    }
}

/// Whether tests take the tiles for granted: all products use them then, whatever their size.
pub(super) fn is_assumed() -> bool {
    assumed::is_assumed("amx-tile") && assumed::is_assumed("amx-int8")
}

/// Whether tests assume tiles that the CPU does not have: its traps are then caught, and the instructions emulated.
#[cfg(all(feature = "std", target_os = "linux"))]
fn emulated() -> bool {
    #[cfg(feature = "testing")]
    if is_assumed() {
        crate::testing::amx::emulate();
        return true;
    }
    false
}

#[cfg(all(feature = "std", target_os = "linux"))]
pub(super) use linux::found as is_in_hardware;

#[cfg(all(feature = "std", target_os = "linux"))]
mod linux {
    use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};

    use super::super::tiles::ROW;
    use crate::gemm::TILE;

    /// The tiles that kernels use.
    const TILES: u32 = 8;

    /// Leaf 7 has the instructions, XCR0 the state that the system saves, leaf 0x1D the extents of tiles.
    pub(in super::super) fn found() -> bool {
        const OSXSAVE: u32 = 1 << 27;
        const AMX_TILE: u32 = 1 << 24;
        const AMX_INT8: u32 = 1 << 25;
        const XTILECFG_XTILEDATA: u64 = 0b11 << 17;

        let cpuid = |leaf, subleaf| {
            // SAFETY: every x86-64 CPU has the instruction.
            #[allow(unused_unsafe, reason = "older compilers ask for it")]
            unsafe {
                __cpuid_count(leaf, subleaf)
            }
        };
        // SAFETY: as above.
        #[allow(unused_unsafe, reason = "older compilers ask for it")]
        let most = unsafe { __cpuid(0) }.eax;
        if most < 0x1d || cpuid(1, 0).ecx & OSXSAVE == 0 {
            return false;
        }
        if cpuid(7, 0).edx & (AMX_TILE | AMX_INT8) != AMX_TILE | AMX_INT8 {
            return false;
        }
        // SAFETY: the system uses `xsave`, so the instruction exists.
        if unsafe { enabled_state() } & XTILECFG_XTILEDATA != XTILECFG_XTILEDATA {
            return false;
        }
        let palette = cpuid(0x1d, 1);
        let (row_bytes, tiles, rows) = (palette.ebx & 0xffff, palette.ebx >> 16, palette.ecx & 0xffff);
        row_bytes as usize >= ROW && tiles >= TILES && rows as usize >= TILE
    }

    /// XCR0.
    ///
    /// # Safety
    ///
    /// The CPU has `xsave`, and the system uses it.
    #[target_feature(enable = "xsave")]
    unsafe fn enabled_state() -> u64 {
        // SAFETY: the caller's promise.
        #[allow(unused_unsafe, reason = "older compilers ask for it")]
        unsafe {
            _xgetbv(0)
        }
    }
}
