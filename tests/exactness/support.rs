//! What every suite shares: the backends under test, adversarial data, random stages, the comparison.

use eightbit::{Backend, Dequantize, ElementType, FixedPoint, Multiplier, Per, Requantize, Stage};
use eightbit_kernels::testing::{Guard, backends};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// Runs `check` on every backend under test with `EIGHTBIT_CASES` cases of `strategy`, and reports.
///
/// Backends that `EIGHTBIT_REQUIRE_BACKENDS` names must be among them. `scale` is the part of the number of cases that
/// the suite runs, for suites whose cases are large.
pub(crate) fn suite<S: Strategy>(
    name: &str,
    scale: f64,
    strategy: S,
    check: impl Fn(Backend, &S::Value) -> Result<(), TestCaseError>,
) where
    S::Value: Clone,
{
    let cases: u32 = match std::env::var("EIGHTBIT_CASES") {
        Ok(cases) => cases.parse().expect("EIGHTBIT_CASES is a number"),
        Err(_) => 10_000,
    };
    let cases = ((f64::from(cases) * scale) as u32).max(1);
    let mut executed = Vec::new();
    for backend in backends() {
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let result = runner.run(&strategy, |case| check(backend, &case));
        if let Err(error) = result {
            panic!("SUITE {name} backend {backend}: {error}");
        }
        println!("SUITE {name} backend {backend} cases {cases} bit-equal");
        executed.push(backend.name());
    }
    let required = std::env::var("EIGHTBIT_REQUIRE_BACKENDS").unwrap_or_default();
    for demanded in required.split(',').filter(|name| !name.is_empty()) {
        assert!(executed.contains(&demanded), "backend {demanded} was demanded, but only {executed:?} ran");
    }
}

/// How a buffer is filled. The values are drawn when the case runs, from `seed`, so that cases shrink by their shape.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fill {
    /// Every value the same extreme.
    Constant(u8),
    /// Two extremes in turn.
    Alternating(u8, u8),
    /// Extremes at random.
    Extremes,
    /// Anything.
    Random,
}

/// −128, −127, −1, 0, 1, 127, 128, 255, as bytes.
const EXTREMES: [u8; 7] = [0x80, 0x81, 0xff, 0, 1, 0x7f, 0xfe];

pub(crate) fn fill() -> impl Strategy<Value = Fill> {
    let extreme = || prop::sample::select(EXTREMES.to_vec());
    prop_oneof![
        2 => extreme().prop_map(Fill::Constant),
        2 => (extreme(), extreme()).prop_map(|(a, b)| Fill::Alternating(a, b)),
        2 => Just(Fill::Extremes),
        4 => Just(Fill::Random),
    ]
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

    pub(crate) fn bytes(&mut self, fill: Fill, len: usize) -> Vec<u8> {
        (0..len)
            .map(|index| match fill {
                Fill::Constant(value) => value,
                Fill::Alternating(even, odd) => [even, odd][index % 2],
                Fill::Extremes => EXTREMES[self.below(EXTREMES.len())],
                Fill::Random => self.next() as u8,
            })
            .collect()
    }
}

/// What a stage is drawn from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StageKind {
    pub(crate) kind: u8,
    pub(crate) per_channel: bool,
    pub(crate) signed: bool,
    pub(crate) clamped: bool,
}

pub(crate) fn stage_kind() -> impl Strategy<Value = StageKind> {
    (0u8..5, any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(kind, per_channel, signed, clamped)| StageKind { kind, per_channel, signed, clamped })
}

impl StageKind {
    /// A stage for `channels` channels whose accumulators are up to about `magnitude`.
    pub(crate) fn draw(self, random: &mut Random, channels: usize, magnitude: f64) -> Stage {
        let output = if self.signed { ElementType::I8 } else { ElementType::U8 };
        let (min, max) = output.integer_range();
        let zero_point = [min, max, 0, random.between(min, max)][random.below(4)];
        let clamp = if self.clamped {
            let low = random.between(min, max);
            (low, random.between(low, max))
        } else {
            (min, max)
        };
        // From everything rounds to 0, over ties and ordinary values, to everything saturates.
        let scale = |random: &mut Random| -> f32 {
            let ordinary = 256.0 / magnitude.max(1.0) * 2f64.powi(random.between(-4, 3));
            match random.below(8) {
                0 => f32::MIN_POSITIVE,
                1 => 1e30,
                2 => 0.5,
                3 => 1.0,
                _ => (ordinary * (1.0 + random.below(1000) as f64 / 1000.0)) as f32,
            }
        };
        let per = |random: &mut Random| {
            if self.per_channel {
                Per::Channel((0..channels).map(|_| scale(random)).collect())
            } else {
                Per::Tensor(scale(random))
            }
        };
        match self.kind {
            0 => Stage::Accumulators { accumulate: false },
            1 => Stage::Accumulators { accumulate: true },
            2 => {
                let multiplier = Multiplier::F32(per(random));
                Stage::Requantize(Requantize { multiplier, zero_point, clamp, output })
            }
            3 => {
                let fixed = |random: &mut Random| match random.below(6) {
                    0 => FixedPoint { mantissa: i32::MAX, shift: 30 },
                    1 => FixedPoint { mantissa: 1 << 30, shift: -31 },
                    2 => FixedPoint { mantissa: 1 << 30, shift: random.between(-31, 30) },
                    _ => {
                        let exponent = -(magnitude.max(1.0).log2() as i32) + random.between(4, 10);
                        FixedPoint {
                            mantissa: random.between(1 << 30, i32::MAX),
                            shift: exponent.clamp(-31, 30),
                        }
                    }
                };
                let multiplier = Multiplier::Fixed(if self.per_channel {
                    Per::Channel((0..channels).map(|_| fixed(random)).collect())
                } else {
                    Per::Tensor(fixed(random))
                });
                Stage::Requantize(Requantize { multiplier, zero_point, clamp, output })
            }
            _ => {
                let bias = self.signed.then(|| {
                    (0..channels).map(|_| (random.between(-1_000_000, 1_000_000) as f32) * 0.001).collect()
                });
                let clamp = if self.clamped { (-1.5, 6.0) } else { (f32::NEG_INFINITY, f32::INFINITY) };
                Stage::Dequantize(Dequantize { scale: per(random), bias, clamp })
            }
        }
    }
}

/// Zero points for weights: mostly 0, or one for all, or one by channel.
pub(crate) fn weight_zeros(random: &mut Random, signed: bool, channels: usize) -> Per<i32> {
    let (low, high) = if signed { (-128, 127) } else { (0, 255) };
    match random.below(4) {
        0 => Per::Channel((0..channels).map(|_| random.between(low, high)).collect()),
        1 => Per::Tensor([low, high, 128.min(high), random.between(low, high)][random.below(4)]),
        _ => Per::Tensor(if signed { 0 } else { 128 }),
    }
}

/// Biases that wrap the accumulator now and then.
pub(crate) fn biases(random: &mut Random, channels: usize) -> Option<Vec<i32>> {
    match random.below(3) {
        0 => None,
        1 => Some((0..channels).map(|_| random.next() as i32).collect()),
        _ => Some((0..channels).map(|_| random.between(-5000, 5000)).collect()),
    }
}

pub(crate) fn guard() -> impl Strategy<Value = Guard> {
    prop_oneof![Just(Guard::Before), Just(Guard::After)]
}
