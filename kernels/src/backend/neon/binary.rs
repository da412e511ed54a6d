//! Bits counted byte by byte, in vectors of four columns.

use core::arch::aarch64::*;

use super::Neon;
use crate::binary::{BitKernel, BitLayout, BitTile, CountBits, Counts, bit_tile, bit_tiles};

/// `cnt` of an exclusive or; counts are added as bytes while they fit.
pub(crate) static KERNEL: BitKernel =
    BitKernel { name: "cnt", layout: BitLayout::WORDS, detect: || true, tiles: bit_tiles!(tile; 1 2) };

/// Bytes of depth whose counts, eight at most for every four of them, fit a byte.
const BYTES: usize = 4 * 30;

#[derive(Clone, Copy)]
struct Count(Neon);

// SAFETY: made in `tile`, which has the features. Eight vectors of four lanes hold 32 columns.
unsafe impl<const R: usize> CountBits<R, 8> for Count {
    type S = Neon;

    #[inline(always)]
    fn isa(self) -> Neon {
        self.0
    }

    #[inline(always)]
    unsafe fn count(self, tile: &BitTile) -> Counts<Self, R, 8> {
        // SAFETY: the token; segments and their bytes exist, and as many words of each column.
        unsafe {
            let mut totals = [[vdupq_n_u32(0); 8]; R];
            let mut panel = tile.tile.panels;
            for segment in 0..tile.segment_count {
                let offset = *tile.segments.add(segment);
                let mut at = 0;
                while at < tile.segment_bytes {
                    let end = tile.segment_bytes.min(at + BYTES);
                    let mut counts = [[vdupq_n_u8(0); 8]; R];
                    while at < end {
                        let mut words = [vdupq_n_u8(0); R];
                        for r in 0..R {
                            words[r] = broadcast(tile.lhs[r].add(offset + at));
                        }
                        for v in 0..8 {
                            let weights = vld1q_u8(panel.add(16 * v));
                            for r in 0..R {
                                let differing = vcntq_u8(veorq_u8(words[r], weights));
                                counts[r][v] = vaddq_u8(counts[r][v], differing);
                            }
                        }
                        panel = panel.add(128);
                        at += 4;
                    }
                    for r in 0..R {
                        for v in 0..8 {
                            totals[r][v] = vpadalq_u16(totals[r][v], vpaddlq_u8(counts[r][v]));
                        }
                    }
                }
            }
            let mut signed = [[vdupq_n_s32(0); 8]; R];
            for r in 0..R {
                for v in 0..8 {
                    signed[r][v] = vreinterpretq_s32_u32(totals[r][v]);
                }
            }
            signed
        }
    }
}

/// Four bytes, in every lane.
///
/// # Safety
///
/// The CPU has NEON, and four bytes are readable.
#[inline(always)]
unsafe fn broadcast(p: *const u8) -> uint8x16_t {
    // SAFETY: the caller's promise.
    unsafe { vreinterpretq_u8_u32(vdupq_n_u32(p.cast::<u32>().read_unaligned())) }
}

#[target_feature(enable = "neon")]
unsafe fn tile<const ROWS: usize>(tile: &BitTile) {
    // SAFETY: the caller's promises; this function has the token's features.
    unsafe { bit_tile::<Count, ROWS, 8>(Count(Neon::new()), tile) }
}
