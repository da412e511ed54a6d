//! The types of a measured call, as the peers' drivers write them: `u8s8s32` has `u8` activations, `i8` weights and
//! raw `i32` sums; in `u8s4s32` weights have four bits.

use std::fmt;
use std::str::FromStr;

use eightbit::{Element, ElementType, Error, OutputElement, Per, Precision, Requantize, Stage};

use crate::bench::case::Case;
use crate::bench::random;
use crate::bench::setup::Setup;

/// Types of activations, weights and output, and the kind of weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Types {
    pub(crate) activations: ElementType,
    pub(crate) weights: ElementType,
    /// Bits of a weight.
    pub(crate) bits: u8,
    pub(crate) output: ElementType,
    pub(crate) kind: WeightKind,
}

/// The kind of weights.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum WeightKind {
    /// Full range, no zero point.
    Wide,
    /// Pair-safe: seven bits, no zero point.
    PairSafe,
    /// With a zero point.
    Zero,
    /// With a zero point for each output channel.
    Zeros,
}

/// Suffixes of the names.
const KINDS: [(WeightKind, &str); 4] = [
    (WeightKind::Wide, ""),
    (WeightKind::PairSafe, "_pair_safe"),
    (WeightKind::Zero, "_zero"),
    (WeightKind::Zeros, "_zeros"),
];

/// Bits of weights.
const BITS: [u8; 4] = [8, 4, 3, 2];

/// The output of a measured call.
pub(crate) trait Output: OutputElement + Into<i32> {}

impl<T: OutputElement + Into<i32>> Output for T {}

/// An operator on one shape, which is measured with any types.
pub(crate) trait Operator: Sized {
    /// The case with elements of types `A` (activations), `W` (weights) and `T` (output), which are those of `types`.
    fn typed<A: Element, W: Element, T: Output>(&self, setup: &Setup, types: Types) -> Result<Case, Error>;

    fn case(&self, setup: &Setup, types: Types) -> Result<Case, Error> {
        match types.activations {
            ElementType::U8 => with_activations::<u8>(self, setup, types),
            _ => with_activations::<i8>(self, setup, types),
        }
    }
}

fn with_activations<A: Element>(
    operator: &impl Operator,
    setup: &Setup,
    types: Types,
) -> Result<Case, Error> {
    match types.weights {
        ElementType::U8 => with_operands::<A, u8>(operator, setup, types),
        _ => with_operands::<A, i8>(operator, setup, types),
    }
}

fn with_operands<A: Element, W: Element>(
    operator: &impl Operator,
    setup: &Setup,
    types: Types,
) -> Result<Case, Error> {
    match types.output {
        ElementType::U8 => operator.typed::<A, W, u8>(setup, types),
        ElementType::I8 => operator.typed::<A, W, i8>(setup, types),
        _ => operator.typed::<A, W, i32>(setup, types),
    }
}

/// The operands of a call, the same in every run.
pub(crate) struct Operands<A, W> {
    pub(crate) input: Vec<A>,
    pub(crate) weights: Vec<W>,
    pub(crate) bias: Vec<i32>,
    pub(crate) stage: Stage,
    pub(crate) input_zero: i32,
    pub(crate) weight_zeros: Per<i32>,
}

impl Types {
    pub(crate) const U8S8U8: Types = Types {
        activations: ElementType::U8,
        weights: ElementType::I8,
        bits: 8,
        output: ElementType::U8,
        kind: WeightKind::Wide,
    };
    pub(crate) const U8S8S32: Types = Types { output: ElementType::I32, ..Types::U8S8U8 };
    pub(crate) const S8S8S32: Types = Types { activations: ElementType::I8, ..Types::U8S8S32 };

    /// Operands with `inputs` activations, and `channels` output channels with `depth` weights each.
    pub(crate) fn operands<A: Element, W: Element>(
        self,
        inputs: usize,
        depth: usize,
        channels: usize,
    ) -> Operands<A, W> {
        Operands {
            input: random::elements(inputs),
            weights: self.random_weights(channels * depth),
            bias: random::biases(channels),
            stage: self.stage(channels),
            input_zero: self.activation_zero(),
            weight_zeros: self.weight_zeros(channels),
        }
    }

    /// How many numbers a weight may be.
    pub(crate) fn precision(self) -> Precision {
        Precision::Bits(self.bits)
    }

    /// The activations' zero point; it costs nothing, and models have one.
    fn activation_zero(self) -> i32 {
        if self.activations == ElementType::U8 { 128 } else { 3 }
    }

    /// The weights' zero points for `channels` output channels.
    fn weight_zeros(self, channels: usize) -> Per<i32> {
        let (low, _) = self.weights.integer_range();
        // Those of fewer bits are the upper bits of the same.
        let narrow = |zero: i32| zero >> (8 - self.bits);
        match self.kind {
            WeightKind::Wide | WeightKind::PairSafe => Per::Tensor(0),
            WeightKind::Zero => Per::Tensor(narrow(low + 121)),
            WeightKind::Zeros => {
                let zeros = (low..low + 256).step_by(7).map(narrow);
                Per::Channel(zeros.cycle().take(channels).collect::<Vec<i32>>())
            }
        }
    }

    /// Weights over the whole range of their bits, or in seven of eight.
    fn random_weights<W: Element>(self, len: usize) -> Vec<W> {
        let dropped = if self.kind == WeightKind::PairSafe { 1 } else { 8 - u32::from(self.bits) };
        let narrow = |w: W| {
            let wide: i32 = w.into();
            W::from_low_bits(wide >> dropped)
        };
        random::elements::<W>(len).into_iter().map(narrow).collect()
    }

    /// The epilogue: raw sums, or eight bits with a scale for each channel and a zero point.
    fn stage(self, channels: usize) -> Stage {
        let zero_point = match self.output {
            ElementType::U8 => 128,
            ElementType::I8 => 3,
            _ => return Stage::ACCUMULATORS,
        };
        // The scales of the peers' drivers: 0.02 for activations, 0.01 for weights, 2 for the output.
        let scales = Per::Channel(vec![0.02 * 0.01 / 2.0; channels]);
        Stage::Requantize(Requantize::new(scales, zero_point, self.output))
    }
}

impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |element, bits| match element {
            ElementType::U8 => format!("u{bits}"),
            ElementType::I8 => format!("s{bits}"),
            _ => "s32".to_owned(),
        };
        let suffix = KINDS.iter().find(|(kind, _)| *kind == self.kind).map_or("", |(_, suffix)| suffix);
        let [activations, output] = [self.activations, self.output].map(|element| name(element, 8));
        f.pad(&format!("{activations}{}{output}{suffix}", name(self.weights, self.bits)))
    }
}

impl FromStr for Types {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        use ElementType::{I8, I32, U8};
        let all = [U8, I8].into_iter().flat_map(|activations| {
            let weights = [U8, I8].into_iter().flat_map(|weights| BITS.map(|bits| (weights, bits)));
            weights.flat_map(move |(weights, bits)| {
                [U8, I8, I32].into_iter().flat_map(move |output| {
                    let kinds =
                        KINDS.iter().filter(move |&&(kind, _)| bits == 8 || kind != WeightKind::PairSafe);
                    kinds.map(move |&(kind, _)| Types { activations, weights, bits, output, kind })
                })
            })
        });
        // The former name of a kind.
        let text = text.replace("_narrow", "_pair_safe");
        all.into_iter().find(|types| types.to_string() == text).ok_or_else(|| {
            "activations (u8, s8), weights (u8, s8, u4, s4, u3, s3, u2, s2) and output (u8, s8, s32) are needed, and optionally \
             the kind of weights (_pair_safe, of eight bits; _zero, _zeros): u8s8s32, u8s4u8, u8u8u8_zeros"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        let eight = ["u8s8s32", "s8s8s32", "u8s8u8", "s8u8s8_zero", "u8u8u8_zeros", "u8s8s32_pair_safe"];
        for name in eight.into_iter().chain(["u8s4s32", "s8u4u8_zeros", "u8s2s8", "u8u3s32_zero"]) {
            assert_eq!(name.parse::<Types>().expect(name).to_string(), name);
        }
        assert_eq!("u8s8u8".parse(), Ok(Types::U8S8U8));
        let pair_safe = Types { kind: WeightKind::PairSafe, ..Types::U8S8S32 };
        assert_eq!("u8s8s32_narrow".parse(), Ok(pair_safe), "the former name");
        for wrong in
            ["", "u8", "u8s8", "u8s8f32", "u8s8u8_wide", "s32s8u8", "u8s8u8_", "u4s4s32", "u8s4s32_pair_safe"]
        {
            assert!(wrong.parse::<Types>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn zero_points_fit_their_type() {
        let eight = ["u8u8u8_zero", "u8u8u8_zeros", "u8s8u8_zero", "u8s8u8_zeros"];
        for name in eight.into_iter().chain(["u8u4u8_zero", "u8s4u8_zeros", "u8s2u8_zero"]) {
            let types: Types = name.parse().expect(name);
            let (low, high) = types.precision().range(types.weights).expect(name);
            let zeros = match types.weight_zeros(100) {
                Per::Tensor(zero) => vec![zero],
                Per::Channel(zeros) => zeros,
                other => panic!("{name}: {other:?}"),
            };
            assert!(zeros.iter().all(|zero| (low..=high).contains(zero)), "{name}");
            assert!(zeros.iter().any(|&zero| zero != 0), "{name}");
        }
    }

    #[test]
    fn seven_bit_weights_have_seven_bits() {
        let types = Types { kind: WeightKind::PairSafe, ..Types::U8S8S32 };
        let weights: Vec<i8> = types.random_weights(5000);
        assert_eq!((weights.iter().min(), weights.iter().max()), (Some(&-64), Some(&63)));
        let weights: Vec<i8> = Types { bits: 4, ..Types::U8S8S32 }.random_weights(5000);
        assert_eq!((weights.iter().min(), weights.iter().max()), (Some(&-8), Some(&7)));
    }
}
