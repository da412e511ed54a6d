//! How few bits will do: a float model whose inputs, weights and activations are on the grids of fewer bits, but still floats.
//!
//! A [`Study`] calibrates a model once and makes such copies of it ([`passes::fake_quantize`](crate::passes::fake_quantize)), which run as
//! any graph does. They compute in floats what hardware with numbers of so many bits would compute, but for its sums, which are floats
//! here: neither the width of an accumulator nor the rounding of biases is part of them, except where a format of fixed point is asked for.
//!
//! # Grids
//!
//! Of `b` bits, with every step rounded to `f32`:
//!
//! * **Weights**, 2 to 16 bits: symmetric, a scale for each output channel, `s = max|w| / (2ᵇ⁻¹ − 1)`:
//!   `w' = s · clamp(rne(w / s), −(2ᵇ⁻¹ − 1), 2ᵇ⁻¹ − 1)`. A channel of zeros has the scale 1; all scales are between 2⁻¹²⁰ and 2¹²⁰.
//!   With [`Granularity::PerTensor`](crate::quantize::Granularity) the channels have the greatest of their scales.
//! * **Weights**, 1 bit: `±s` with the sign of the weight, + for zeros, and `s` the mean of `|w|` of the channel (Rastegari and others,
//!   "XNOR-Net", 2016).
//! * **Inputs and activations**, 2 to 16 bits: affine, one scale for a tensor, over the range that calibration found, widened to hold zero:
//!   `s = (max − min) / (2ᵇ − 1)`, `z = rne(−min / s)`, `x' = s · (rne(clamp(x / s + z, 0, 2ᵇ − 1)) − z)`.
//! * **Inputs and activations**, 1 bit: two levels. Where neither end of the range is less than a third of the other, the sign: `±s`, + for
//!   zeros, with `s` half of the greater end. Elsewhere zero and the greater end, the nearer of both, as above.
//! * **Fixed point** ([`FixedPoint`]): the same numbers for inputs, weights, biases and activations, whatever their ranges are, and also
//!   for sums that leave the network.
//!
//! Which values are activations, and which layers have weights, is what [`Roles`](crate::quantize::Roles) says: what an eight-bit network
//! would have in bytes. With 8 bits, grids are those of [`quantize`](crate::quantize::quantize()) without aids to accuracy; only channels
//! whose bias would not fit the accumulator have coarser weights there. `x / s + z` is one rounded number in QONNX's order, which is the
//! order here: next to the middle of two steps, by less than 2⁻¹⁶ of one, it may come to lie on the other one than in bytes.

mod activation;
mod bit_width;
mod fixed_point;
mod input_ranges;
mod study;
mod weights;

use std::collections::BTreeSet;
use std::fmt;

pub use activation::Quantizer;
pub use bit_width::BitWidth;
pub use fixed_point::{FixedPoint, Overflow, Rounding};
pub use input_ranges::input_ranges;
pub use study::{LayerInfo, Study};
pub use weights::quantize_weights_to;

use crate::quantize::Granularity;

/// The numbers of a part of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Integers of so many bits, with scales from the weights themselves or from calibration.
    Bits(BitWidth),
    /// A fixed point.
    Fixed(FixedPoint),
}

impl Format {
    /// The bits of a number.
    pub fn bits(&self) -> u8 {
        match self {
            Self::Bits(bits) => bits.get(),
            Self::Fixed(format) => format.width(),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bits(bits) => bits.fmt(f),
            Self::Fixed(format) => format.fmt(f),
        }
    }
}

/// What is reduced, and to which numbers. What has no format stays float.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Precision {
    /// The inputs of the network.
    pub inputs: Option<Format>,
    /// The weights of layers.
    pub weights: Option<Format>,
    /// All values between the inputs and the outputs that an eight-bit network would have in bytes.
    pub activations: Option<Format>,
    /// The layers whose weights and activations are reduced, by the names of their nodes ([`Study::layers`]); `None` for all.
    pub layers: Option<BTreeSet<String>>,
    /// How many scales the weights of a layer have.
    pub granularity: Granularity,
}

impl Precision {
    /// Whether the weights and the activations of this layer are reduced.
    pub(crate) fn reduces(&self, layer: &str) -> bool {
        self.layers.as_ref().is_none_or(|layers| layers.contains(layer))
    }
}
