//! The random generator of all tests: the same numbers on every machine.

use eightbit_kernels::Element;

use crate::{EXTREMES, Fill};

/// A generator of bytes and numbers (SplitMix64: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators").
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// Sixty-four random bits.
    #[allow(clippy::should_implement_trait, reason = "the sequence is endless and not iterated")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number less than `n`; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// A number from `low` to `high`.
    pub fn between(&mut self, low: i32, high: i32) -> i32 {
        low + self.below((i64::from(high) - i64::from(low) + 1) as usize) as i32
    }

    /// True or false.
    pub fn flip(&mut self) -> bool {
        self.below(2) == 1
    }

    /// A float from −1 to 1, of 24 random bits.
    pub fn float(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    /// An element of `from`, which must not be empty.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Any [`Fill`].
    pub fn fill(&mut self) -> Fill {
        let (a, b) = (self.pick(&EXTREMES), self.pick(&EXTREMES));
        self.pick(&[Fill::Constant(a), Fill::Alternating(a, b), Fill::Extremes, Fill::Small, Fill::Random])
    }

    /// `len` bytes.
    pub fn bytes(&mut self, fill: Fill, len: usize) -> Vec<u8> {
        (0..len)
            .map(|index| match fill {
                Fill::Constant(value) => value,
                Fill::Alternating(even, odd) => [even, odd][index % 2],
                Fill::Extremes => self.pick(&EXTREMES),
                Fill::Small => self.between(-64, 64) as u8,
                Fill::Random => self.next() as u8,
            })
            .collect()
    }

    /// `len` elements.
    pub fn elements<T: Element>(&mut self, fill: Fill, len: usize) -> Vec<T> {
        self.bytes(fill, len).into_iter().map(|byte| T::from_low_bits(byte.into())).collect()
    }

    /// `len` bytes of any [`Fill`].
    pub fn any_bytes(&mut self, len: usize) -> Vec<u8> {
        let fill = self.fill();
        self.bytes(fill, len)
    }

    /// `len` elements of any [`Fill`].
    pub fn any_elements<T: Element>(&mut self, len: usize) -> Vec<T> {
        let fill = self.fill();
        self.elements(fill, len)
    }

    /// A zero point of `T`, often an extreme one.
    pub fn zero_point<T: Element>(&mut self) -> i32 {
        let (low, high) = T::TYPE.integer_range();
        let any = self.between(low, high);
        self.pick(&[low, high, 0, any])
    }
}
