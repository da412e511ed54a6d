//! Bits counted by `vpopcntd`, after a carry-save adder: of two words and the bits that were left over, the carries alone are counted.

use core::arch::x86_64::*;

use super::Avx512;
use crate::binary::{BitKernel, BitLayout, BitTile, CountBits, Counts, bit_tile, bit_tiles};
use crate::entry::cpu_features;

/// Five instructions for two words: the sum of three bits is two exclusive ors, of which each takes another one along (that of activations
/// and weights); the carry is a choice; then one count and one addition.
pub(crate) static KERNEL: BitKernel = BitKernel {
    name: "vpopcntd",
    layout: BitLayout::WORDS,
    detect: cpu_features!("avx512vpopcntdq").detect,
    tiles: bit_tiles!(tile; 1 2 4),
};

#[derive(Clone, Copy)]
struct CarrySave(Avx512);

/// The exclusive or of three operands.
const XOR: i32 = 0x96;
/// Of operands `t`, `n`, `o`: `o` where `t` is 0, else the complement of `n`. With `t = o ⊕ x` and `n = t ⊕ y` that is the majority of `o`, `x`
/// and `y`.
const CARRY: i32 = 0b0011_1010;

// SAFETY: made in `tile`, which has the features. Two vectors of sixteen lanes hold 32 columns.
unsafe impl<const R: usize> CountBits<R, 2> for CarrySave {
    type S = Avx512;

    #[inline(always)]
    fn isa(self) -> Avx512 {
        self.0
    }

    #[inline(always)]
    unsafe fn count(self, tile: &BitTile) -> Counts<Self, R, 2> {
        // SAFETY: the token; segments and their bytes exist, pairs of words, and as many words of each column.
        unsafe {
            let zero = _mm512_setzero_si512();
            // Bits of weight 1 that are not counted yet; counts of weight 2.
            let (mut ones, mut twos) = ([[zero; 2]; R], [[zero; 2]; R]);
            let mut panel = tile.tile.panels.cast::<__m512i>();
            for segment in 0..tile.segment_count {
                let offset = *tile.segments.add(segment);
                let mut at = 0;
                while at < tile.segment_bytes {
                    let first = [_mm512_loadu_si512(panel), _mm512_loadu_si512(panel.add(1))];
                    let second = [_mm512_loadu_si512(panel.add(2)), _mm512_loadu_si512(panel.add(3))];
                    for r in 0..R {
                        let lhs = tile.lhs[r].add(offset + at).cast::<i32>();
                        let a = _mm512_set1_epi32(lhs.read_unaligned());
                        let b = _mm512_set1_epi32(lhs.add(1).read_unaligned());
                        for v in 0..2 {
                            let t = _mm512_ternarylogic_epi32::<XOR>(ones[r][v], a, first[v]);
                            let n = _mm512_ternarylogic_epi32::<XOR>(t, b, second[v]);
                            let carry = _mm512_ternarylogic_epi32::<CARRY>(t, n, ones[r][v]);
                            ones[r][v] = n;
                            twos[r][v] = _mm512_add_epi32(twos[r][v], _mm512_popcnt_epi32(carry));
                        }
                    }
                    panel = panel.add(4);
                    at += 8;
                }
            }
            for r in 0..R {
                for v in 0..2 {
                    let count = _mm512_add_epi32(twos[r][v], twos[r][v]);
                    twos[r][v] = _mm512_add_epi32(count, _mm512_popcnt_epi32(ones[r][v]));
                }
            }
            twos
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,avx512vpopcntdq")]
unsafe fn tile<const ROWS: usize>(tile: &BitTile) {
    // SAFETY: the caller's promises; this function has the token's features.
    unsafe { bit_tile::<CarrySave, ROWS, 2>(CarrySave(Avx512::new()), tile) }
}
