//! How floats become numbers of few bits while a network is trained.

mod fake;
mod precision;
mod short;

pub(crate) use fake::{FakeQuantizer, Role};
pub use precision::Precision;
pub(crate) use short::{most_digits, shorten};

use crate::Error;

/// A rule that takes floats to the numbers of a grid, and the gradient that is taken for that of this step function.
///
/// Steps are short: their significands have no more digits than sums of products leave free, so that the sums of the float network are
/// exact, and those of integers are the same, bit for bit (see the documentation of the crate).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Quantizer {
    /// Learned steps (Esser and others, "Learned Step Size Quantization", 2020): integers of `bits` bits, 2 to 8, times a step that is
    /// trained. Weights and signed activations: signed; weights without the least integer.
    Lsq {
        /// Bits of an integer.
        bits: u32,
        /// A step for each output channel of weights instead of one for all.
        per_channel: bool,
    },
    /// Activations that are clipped at a learned bound (Choi and others, "PACT", 2018), 2 to 8 bits.
    Pact {
        /// Bits of an integer.
        bits: u32,
    },
    /// Zhou and others, "DoReFa-Net" (2016), 2 to 7 bits: weights by tanh over the greatest one, to odd integers, which take a bit more;
    /// activations clipped to 0..1 (−1..1 where they are signed).
    DoReFa {
        /// Bits of an integer.
        bits: u32,
    },
    /// Signs: 1 where a number is not negative, else −1 (Hubara and others, "Binarized Neural Networks", 2016). While the network is still
    /// in floats, activations are clipped to −1..1.
    Sign {
        /// Weights times the mean magnitude of their channel (Rastegari and others, "XNOR-Net", 2016).
        scaled: bool,
    },
    /// Fixed point: `bits` bits, 2 to 8, `integer_bits` of them before the point with the sign, ties to even, saturating:
    /// `ap_fixed<W,I,AP_RND_CONV,AP_SAT>` of tools for FPGAs, and `ap_ufixed` for activations that are not negative.
    FixedPoint {
        /// All bits.
        bits: u32,
        /// Bits before the point: less than 0 or more than all are allowed, −32 to 32.
        integer_bits: i32,
    },
}

impl Quantizer {
    /// Checks its numbers, and that it can quantize weights or activations.
    ///
    /// # Errors
    ///
    /// A number of bits that the rule does not have; weights by PACT.
    pub fn check(&self, of_weights: bool) -> Result<(), Error> {
        let wrong = |reason: String| Err(Error::argument("quantizer", reason));
        let (bits, most) = match *self {
            Self::Lsq { bits, .. } | Self::FixedPoint { bits, .. } => (bits, 8),
            Self::Pact { .. } if of_weights => {
                return wrong("PACT clips activations: give weights another rule".to_owned());
            }
            Self::Pact { bits } => (bits, 8),
            Self::DoReFa { bits } => (bits, 7),
            Self::Sign { .. } => return Ok(()),
        };
        if !(2..=most).contains(&bits) {
            return wrong(format!("{bits} bits: it takes 2 to {most}, and one bit is a sign"));
        }
        match *self {
            Self::FixedPoint { integer_bits, .. } if !(-32..=32).contains(&integer_bits) => {
                wrong(format!("{integer_bits} bits before the point: −32 to 32"))
            }
            _ => Ok(()),
        }
    }

    /// Whether there are only 1 and −1.
    pub fn is_sign(&self) -> bool {
        matches!(self, Self::Sign { .. })
    }
}

/// The numbers that a quantizer gives: what is written to a file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Grid {
    /// Integers of `bits` bits times one step, or one for each channel.
    Integers { steps: Vec<f32>, bits: u32, signed: bool, narrow: bool },
    /// 1 and −1, times one scale, or one for each channel.
    Signs { scales: Vec<f32> },
}
