//! The peak rate of products of tiles.

use core::arch::asm;

use super::permission;
use super::tiles::{ROW, TILE_BYTES, on_tiles, with_tiles};
use crate::gemm::{Permission, TILE};
use crate::peak::Sequence;

/// Bits of a tile, and the products of bytes in one of two tiles.
const BITS: usize = 8 * TILE_BYTES;
const PRODUCTS: u64 = (TILE * TILE * ROW) as u64;

// SAFETY: the instructions are those of the backend, and the permission is asked for.
pub(super) const SEQUENCE: Sequence = unsafe { Sequence::new(&["tdpbusd"], BITS, PRODUCTS, products) }
    .if_permitted(|| permission::request() == Permission::Granted);

/// Twelve products of whole tiles in each pass.
///
/// # Safety
///
/// The CPU has the backend's features, the process may use tiles, and `passes` is at least 1.
unsafe fn products(passes: u64) {
    let mut work = || {
        // SAFETY: tiles are configured; the lines touch their registers only, and the loop ends, since `passes` is at least 1.
        unsafe {
            on_tiles!(
                [nomem, nostack],
                "2:",
                ".rept 2",
                ".irp acc,0,1,2,3,4,5",
                "tdpbusd tmm\\acc, tmm6, tmm7",
                ".endr",
                ".endr",
                "dec {passes}",
                "jnz 2b",
                passes = inout(reg) passes => _,
            );
        }
    };
    // SAFETY: the caller's promise.
    unsafe { with_tiles([TILE, TILE], &mut work) };
}
