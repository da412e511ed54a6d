//! Reproducible values, extremes before all.

/// A xorshift generator (Marsaglia 2003, "Xorshift RNGs", the triple 13, 7, 17).
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() >> 32) as usize % end.max(1)
    }

    pub(crate) fn flip(&mut self) -> bool {
        self.next() & 1 << 40 != 0
    }

    /// Bytes in one of several manners, each of which breaks some wrong kernel.
    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        const EXTREMES: [u8; 8] = [0x80, 0x81, 0xff, 0x00, 0x01, 0x7f, 0x80, 0xff];
        match self.below(6) {
            0 => vec![EXTREMES[self.below(8)]; len],
            1 => {
                let pair = [EXTREMES[self.below(8)], EXTREMES[self.below(8)]];
                (0..len).map(|k| pair[k % 2]).collect()
            }
            2 | 3 => (0..len).map(|_| EXTREMES[self.below(8)]).collect(),
            // Small signed values: sums of pairs stay within an i16, so the fast kernels run.
            4 => (0..len).map(|_| (self.below(129) as i32 - 64) as u8).collect(),
            _ => (0..len).map(|_| self.below(256) as u8).collect(),
        }
    }
}
