//! Bits counted word by word.

use super::Portable;
use crate::binary::{BitKernel, BitLayout, BitTile, CountBits, Counts, bit_tile, bit_tiles};

/// `count_ones` of words of 32 bits, which compilers make vectors of.
pub(crate) static KERNEL: BitKernel =
    BitKernel { name: "count_ones", layout: BitLayout::WORDS, detect: || true, tiles: bit_tiles!(tile; 1 2) };

#[derive(Clone, Copy)]
struct CountOnes(Portable);

/// Columns of a panel.
const COLUMNS: usize = BitLayout::WORDS.columns;

// SAFETY: no CPU feature beyond the compilation target's. Eight vectors of four lanes hold 32 columns.
unsafe impl<const R: usize> CountBits<R, 8> for CountOnes {
    type S = Portable;

    fn isa(self) -> Portable {
        self.0
    }

    #[inline(always)]
    unsafe fn count(self, tile: &BitTile) -> Counts<Self, R, 8> {
        let mut counts = [[0; COLUMNS]; R];
        let mut panel = tile.tile.panels.cast::<[u32; COLUMNS]>();
        for segment in 0..tile.segment_count {
            for at in (0..tile.segment_bytes).step_by(4) {
                // SAFETY: the segment and its bytes exist, and as many words of each column.
                unsafe {
                    let offset = *tile.segments.add(segment) + at;
                    let weights = panel.read_unaligned();
                    for (counts, lhs) in counts.iter_mut().zip(tile.lhs) {
                        let word = lhs.add(offset).cast::<u32>().read_unaligned();
                        for (count, weights) in counts.iter_mut().zip(weights) {
                            *count += (word ^ weights).count_ones() as i32;
                        }
                    }
                    panel = panel.add(1);
                }
            }
        }
        let mut vectors = [[wide::i32x4::ZERO; 8]; R];
        for (vectors, counts) in vectors.iter_mut().zip(&counts) {
            for (vector, lanes) in vectors.iter_mut().zip(counts.as_chunks::<4>().0) {
                *vector = wide::i32x4::new(*lanes);
            }
        }
        vectors
    }
}

unsafe fn tile<const ROWS: usize>(tile: &BitTile) {
    // SAFETY: the caller's promises; the token needs no features.
    unsafe { bit_tile::<CountOnes, ROWS, 8>(CountOnes(Portable::new()), tile) }
}
