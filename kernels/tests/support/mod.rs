//! What the suites share: the backends under test, adversarial bytes, scalar stages.
#![allow(dead_code, reason = "every suite uses its part")]

use eightbit_kernels::gemm::Stage;
use eightbit_kernels::testing::backends;
use eightbit_kernels::{Backend, Element};

/// Runs `cases` on every backend under test and reports how many it said it had compared, which must be some. Backends that
/// `EIGHTBIT_REQUIRE_BACKENDS` names must be among them.
pub(crate) fn suite(name: &str, cases: impl Fn(Backend) -> usize) {
    let mut executed = Vec::new();
    for backend in backends() {
        let count = cases(backend);
        assert!(count > 0, "SUITE {name} backend {backend} compared nothing");
        println!("SUITE {name} backend {backend} cases {count} bit-equal");
        executed.push(backend.name());
    }
    let required = std::env::var("EIGHTBIT_REQUIRE_BACKENDS").unwrap_or_default();
    for demanded in required.split(',').filter(|name| !name.is_empty()) {
        assert!(executed.contains(&demanded), "backend {demanded} was demanded, but only {executed:?} ran");
    }
}

/// Whether to run a case of a suite that has `of`: always, unless `EIGHTBIT_CASES` is less than 10 000; then that share of
/// them, drawn at random, but eight on average at least. For emulators.
pub(crate) fn chosen(random: &mut Random, of: usize) -> bool {
    let cases = std::env::var("EIGHTBIT_CASES").ok().and_then(|cases| cases.parse().ok());
    random.below(10_000) < cases.unwrap_or(10_000).max(80_000 / of)
}

/// A generator of bytes and numbers (SplitMix64: Steele, Lea, Flood 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    pub(crate) fn between(&mut self, low: i32, high: i32) -> i32 {
        low + self.below((i64::from(high) - i64::from(low) + 1) as usize) as i32
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Bytes of one of four kinds: one extreme, two in turn, extremes at random, anything.
    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        const EXTREMES: [u8; 7] = [0x80, 0x81, 0xff, 0, 1, 0x7f, 0xfe];
        let (kind, a, b) = (self.below(4), self.pick(&EXTREMES), self.pick(&EXTREMES));
        (0..len)
            .map(|index| match kind {
                0 => a,
                1 => [a, b][index % 2],
                2 => self.pick(&EXTREMES),
                _ => self.next() as u8,
            })
            .collect()
    }

    pub(crate) fn elements<T: Element>(&mut self, len: usize) -> Vec<T> {
        self.bytes(len).into_iter().map(|byte| T::from_low_bits(byte.into())).collect()
    }

    /// An integer of `T`, often an extreme one.
    pub(crate) fn zero_point<T: Element>(&mut self) -> i32 {
        let (low, high) = T::TYPE.integer_range();
        let any = self.between(low, high);
        self.pick(&[low, high, 0, any])
    }
}

/// `rne(clamp(x, low − zero, high − zero)) + zero`.
pub(crate) fn target(x: f32, zero: i32, low: i32, high: i32) -> i32 {
    let x = x.max((low - zero) as f32).min((high - zero) as f32);
    x.round_ties_even() as i32 + zero
}

/// What a stage makes of an accumulator, as the bits that are stored.
pub(crate) fn stage(stage: &Stage<'_>, acc: i32, channel: usize, before: i32) -> u32 {
    match *stage {
        Stage::Accumulators { accumulate: true } => acc.wrapping_add(before).cast_unsigned(),
        Stage::Accumulators { accumulate: false } => acc.cast_unsigned(),
        Stage::Requantize { scale, zero_point, low, high, .. } => {
            target(acc as f32 * scale[channel], zero_point, low, high) as u8 as u32
        }
        Stage::RequantizeFixed { multiplier, shift, zero_point, low, high, .. } => {
            let shift = shift[channel];
            let shifted = acc.wrapping_shl(shift.max(0).cast_unsigned());
            let product = i64::from(shifted) * i64::from(multiplier[channel]);
            let doubled = ((product + (1 << 30)) >> 31).min(i64::from(i32::MAX)) as i32;
            let exponent = (-shift).max(0);
            let mask = (1i64 << exponent) - 1;
            let remainder = i64::from(doubled) & mask;
            let threshold = (mask >> 1) + i64::from(doubled < 0);
            let rounded = (doubled >> exponent) + i32::from(remainder > threshold);
            rounded.clamp(low - zero_point, high - zero_point).wrapping_add(zero_point) as u8 as u32
        }
        Stage::Dequantize { scale, bias, low, high, .. } => {
            let mut y = acc as f32 * scale[channel];
            if let Some(bias) = bias {
                y += bias[channel];
            }
            y.max(low).min(high).to_bits()
        }
    }
}
