//! Random stages, and the oracle of a kernel's stage.

use eightbit::{Dequantize, ElementType, FixedPoint, Multiplier, Per, Requantize, Stage, reference};
use eightbit_kernels::gemm;
use proptest::prelude::*;

use crate::Random;

/// The expected output for accumulator `acc` at row `m`, column `n`, where the output held `before`: the bits of the output's
/// type, by [`reference`](mod@reference).
pub fn expected(stage: &gemm::StageRef<'_>, acc: i32, before: i32, m: usize, n: usize) -> i32 {
    let requantize = |multiplier: Multiplier, zero_point, low, high, output| {
        reference::requantize(acc, &Requantize::new(multiplier, zero_point, output).clamped(low, high), n)
    };
    match *stage {
        gemm::Stage::Accumulators { accumulate } => acc.wrapping_add(if accumulate { before } else { 0 }),
        gemm::Stage::Requantize { scale, zero_point, low, high, output } => {
            requantize(Multiplier::F32(Per::Tensor(scale[n])), zero_point, low, high, output)
        }
        gemm::Stage::RequantizeFixed { multiplier, shift, zero_point, low, high, output } => {
            let factor = FixedPoint { mantissa: multiplier[n], shift: shift[n] };
            requantize(Multiplier::Fixed(Per::Tensor(factor)), zero_point, low, high, output)
        }
        gemm::Stage::Dequantize { scale, row_scale, bias, low, high } => {
            // A single channel.
            let bias = bias.map(|bias| vec![bias[n]]);
            let stage = Dequantize::new(Per::Tensor(scale[n])).with_bias(bias).clamped(low, high);
            reference::dequantize(acc, &stage, row_scale.map(|scales| scales[m]), 0).to_bits().cast_signed()
        }
    }
}

/// `rne(clamp(x, low − zero, high − zero)) + zero`.
pub fn target(x: f32, zero: i32, low: i32, high: i32) -> i32 {
    let x = x.max((low - zero) as f32).min((high - zero) as f32);
    x.round_ties_even() as i32 + zero
}

/// The parameters that a random stage is drawn from.
#[derive(Clone, Copy, Debug)]
pub struct StageKind {
    /// Accumulators that replace or add, requantization by floats or in fixed point, dequantization: 0 to 4.
    pub kind: u8,
    /// Whether factors differ by channel.
    pub per_channel: bool,
    /// Whether bytes are `i8`; whether a dequantization has a bias.
    pub signed: bool,
    /// Whether the output is clamped to part of its type's range.
    pub clamped: bool,
}

/// Every [`StageKind`].
pub fn stage_kind() -> impl Strategy<Value = StageKind> {
    (0u8..5, any::<bool>(), any::<bool>(), any::<bool>())
        .prop_map(|(kind, per_channel, signed, clamped)| StageKind { kind, per_channel, signed, clamped })
}

impl StageKind {
    /// A stage for `channels` channels whose accumulators are up to about `magnitude`.
    pub fn draw(self, random: &mut Random, channels: usize, magnitude: f64) -> Stage {
        let output = if self.signed { ElementType::I8 } else { ElementType::U8 };
        let (min, max) = output.integer_range();
        let zero_point = [min, max, 0, random.between(min, max)][random.below(4)];
        let (low, high) = if self.clamped {
            let low = random.between(min, max);
            (low, random.between(low, max))
        } else {
            (min, max)
        };
        // Scales where all values round to 0, where ties occur, ordinary ones, and scales where all values saturate.
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
                Stage::Requantize(Requantize::new(multiplier, zero_point, output).clamped(low, high))
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
                Stage::Requantize(Requantize::new(multiplier, zero_point, output).clamped(low, high))
            }
            _ => {
                let bias = self.signed.then(|| {
                    (0..channels).map(|_| (random.between(-1_000_000, 1_000_000) as f32) * 0.001).collect()
                });
                let stage = Dequantize::new(per(random)).with_bias(bias);
                Stage::Dequantize(if self.clamped { stage.clamped(-1.5, 6.0) } else { stage })
            }
        }
    }
}

/// Zero points for weights: mostly 0, or one for all, or one per channel.
pub fn weight_zeros(random: &mut Random, signed: bool, channels: usize) -> Per<i32> {
    let (low, high) = if signed { (-128, 127) } else { (0, 255) };
    match random.below(4) {
        0 => Per::Channel((0..channels).map(|_| random.between(low, high)).collect()),
        1 => Per::Tensor([low, high, 128.min(high), random.between(low, high)][random.below(4)]),
        _ => Per::Tensor(if signed { 0 } else { 128 }),
    }
}

/// Biases, some of which wrap the accumulator.
pub fn biases(random: &mut Random, channels: usize) -> Option<Vec<i32>> {
    match random.below(3) {
        0 => None,
        1 => Some((0..channels).map(|_| random.next() as i32).collect()),
        _ => Some((0..channels).map(|_| random.between(-5000, 5000)).collect()),
    }
}
