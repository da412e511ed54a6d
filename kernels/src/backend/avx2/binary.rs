//! Bits counted by tables: of four bits of activations and all of the same depth of 32 columns, one lookup counts those that differ.

use core::arch::x86_64::*;

use super::Avx2;
use crate::binary::{BitKernel, BitLayout, BitTile, CountBits, Counts, bit_tile, bit_tiles};

/// The table is one of sixteen, chosen by the activations' bits; the weights' bits are the indices. That is two lookups and two additions
/// for eight bits of 32 columns; counting an exclusive or of vectors takes twice as many instructions.
pub(crate) static KERNEL: BitKernel = BitKernel {
    name: "vpshufb by nibbles",
    layout: BitLayout::BYTES,
    detect: || true,
    tiles: bit_tiles!(tile; 1 2 4),
};

/// `TABLES[a][w]`: how many of four bits differ.
static TABLES: Tables = Tables({
    let mut tables = [[0; 16]; 16];
    let mut i = 0;
    while i < 256 {
        tables[i / 16][i % 16] = ((i / 16) ^ (i % 16)).count_ones() as u8;
        i += 1;
    }
    tables
});

#[repr(align(64))]
struct Tables([[u8; 16]; 16]);

/// Bytes of depth whose counts, eight at most each, fit a byte: a multiple of 8, as the bytes of a segment are.
const BYTES: usize = 24;

#[derive(Clone, Copy)]
struct ByTables(Avx2);

// SAFETY: made in `tile`, which has the features. Eight vectors of eight lanes hold 64 columns.
unsafe impl<const R: usize> CountBits<R, 8> for ByTables {
    type S = Avx2;

    #[inline(always)]
    fn isa(self) -> Avx2 {
        self.0
    }

    #[inline(always)]
    unsafe fn count(self, tile: &BitTile) -> Counts<Self, R, 8> {
        // SAFETY: the token; segments and their bytes exist, and as many bytes of each column; a nibble is below 16.
        unsafe {
            let (zero, nibble) = (_mm256_setzero_si256(), _mm256_set1_epi8(15));
            let mut totals = [[zero; 8]; R];
            let mut panel = tile.tile.panels.cast::<__m256i>();
            for segment in 0..tile.segment_count {
                let offset = *tile.segments.add(segment);
                let mut at = 0;
                while at < tile.segment_bytes {
                    let end = tile.segment_bytes.min(at + BYTES);
                    let mut counts = [[zero; 2]; R];
                    while at < end {
                        let weights = [_mm256_loadu_si256(panel), _mm256_loadu_si256(panel.add(1))];
                        let low =
                            [_mm256_and_si256(weights[0], nibble), _mm256_and_si256(weights[1], nibble)];
                        let high = [
                            _mm256_and_si256(_mm256_srli_epi16::<4>(weights[0]), nibble),
                            _mm256_and_si256(_mm256_srli_epi16::<4>(weights[1]), nibble),
                        ];
                        for (r, counts) in counts.iter_mut().enumerate() {
                            let byte = usize::from(*tile.lhs[r].add(offset + at));
                            let first = table(byte & 15);
                            let second = table(byte >> 4);
                            for (v, count) in counts.iter_mut().enumerate() {
                                let sum = _mm256_add_epi8(
                                    _mm256_shuffle_epi8(first, low[v]),
                                    _mm256_shuffle_epi8(second, high[v]),
                                );
                                *count = _mm256_add_epi8(*count, sum);
                            }
                        }
                        panel = panel.add(2);
                        at += 1;
                    }
                    for (totals, counts) in totals.iter_mut().zip(counts) {
                        add_bytes(totals, 0, counts[0]);
                        add_bytes(totals, 4, counts[1]);
                    }
                }
            }
            totals
        }
    }
}

/// A table for four bits of activations, in both halves.
///
/// # Safety
///
/// The CPU has AVX2, and `bits` is below 16.
#[inline(always)]
unsafe fn table(bits: usize) -> __m256i {
    // SAFETY: there are sixteen tables.
    unsafe { _mm256_broadcastsi128_si256(_mm_load_si128(TABLES.0.as_ptr().add(bits).cast())) }
}

/// Adds 32 bytes to four vectors of totals, from `first` on.
///
/// # Safety
///
/// The CPU has AVX2.
#[inline(always)]
unsafe fn add_bytes(totals: &mut [__m256i; 8], first: usize, bytes: __m256i) {
    // SAFETY: the caller's promise.
    unsafe {
        let (low, high) = (_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes));
        let quarters = [low, _mm_unpackhi_epi64(low, low), high, _mm_unpackhi_epi64(high, high)];
        for (q, quarter) in quarters.into_iter().enumerate() {
            totals[first + q] = _mm256_add_epi32(totals[first + q], _mm256_cvtepu8_epi32(quarter));
        }
    }
}

#[target_feature(enable = "avx2,fma")]
unsafe fn tile<const ROWS: usize>(tile: &BitTile) {
    // SAFETY: the caller's promises; this function has the token's features.
    unsafe { bit_tile::<ByTables, ROWS, 8>(ByTables(Avx2::new()), tile) }
}
