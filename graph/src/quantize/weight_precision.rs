//! The integers that stand for weights.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// The integers that stand for weights, each times the scale of its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WeightPrecision {
    /// So many bits, 2 to 8: −8 … 7 of four. Of eight bits −128 is left out: −127 … 127.
    Bits(u8),
    /// −1, 0 and 1.
    Ternary,
    /// −1 and 1: no weight is zero.
    Bipolar,
}

impl Default for WeightPrecision {
    fn default() -> Self {
        Self::EIGHT
    }
}

impl WeightPrecision {
    /// Whole bytes.
    pub const EIGHT: Self = Self::Bits(8);

    /// An error unless the number of bits is one of 2 to 8.
    pub(crate) fn validate(self) -> Result<(), Error> {
        match self {
            Self::Bits(bits) if !(2..=8).contains(&bits) => {
                Err(Error::argument("weights", format!("{bits} bits: weights have 2 to 8")))
            }
            _ => Ok(()),
        }
    }

    /// The least and the greatest integer.
    ///
    /// ```
    /// use eightbit_graph::quantize::WeightPrecision;
    /// assert_eq!(WeightPrecision::Bits(4).range(), (-8, 7));
    /// assert_eq!(WeightPrecision::EIGHT.range(), (-127, 127));
    /// assert_eq!(WeightPrecision::Ternary.range(), (-1, 1));
    /// ```
    #[must_use]
    pub fn range(self) -> (i8, i8) {
        match self {
            Self::Bits(bits @ ..8) => {
                let half = 1i8 << bits.saturating_sub(1).min(6);
                (-half, half - 1)
            }
            Self::Bits(_) => (-127, 127),
            Self::Ternary | Self::Bipolar => (-1, 1),
        }
    }

    /// The bits of a weight in memory and in files: of 3 bits 4, of 5 to 7 bits 8, of ternary and bipolar weights 2.
    #[must_use]
    pub fn stored_bits(self) -> u8 {
        match self {
            Self::Bits(..=2) | Self::Ternary | Self::Bipolar => 2,
            Self::Bits(3..=4) => 4,
            Self::Bits(_) => 8,
        }
    }

    /// The integer nearest to a weight in steps of its scale; of bipolar weights zero is positive.
    pub(crate) fn nearest(self, steps: f32) -> f32 {
        if self == Self::Bipolar {
            return if steps >= 0.0 { 1.0 } else { -1.0 };
        }
        let (low, high) = self.range();
        steps.round_ties_even().clamp(low.into(), high.into())
    }

    /// Whether all of these bytes are among the integers.
    pub(crate) fn holds(self, bytes: &[i8]) -> bool {
        let (low, high) = self.range();
        bytes.iter().all(|&byte| (low..=high).contains(&byte) && (byte != 0 || self != Self::Bipolar))
    }
}

impl fmt::Display for WeightPrecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bits(bits) => write!(f, "int{bits}"),
            Self::Ternary => f.write_str("ternary"),
            Self::Bipolar => f.write_str("bipolar"),
        }
    }
}

impl FromStr for WeightPrecision {
    type Err = Error;

    /// `int2` to `int8`, `ternary` or `bipolar`.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "ternary" => return Ok(Self::Ternary),
            "bipolar" => return Ok(Self::Bipolar),
            _ => {}
        }
        let precision = text.strip_prefix("int").and_then(|bits| bits.parse().ok()).map(Self::Bits);
        precision.filter(|precision| precision.validate().is_ok()).ok_or_else(|| {
            Error::argument("weights", format!("{text:?} is none of int2 to int8, ternary and bipolar"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_as_they_are_written() {
        let all =
            (2..=8).map(WeightPrecision::Bits).chain([WeightPrecision::Ternary, WeightPrecision::Bipolar]);
        for precision in all {
            assert_eq!(precision.to_string().parse::<WeightPrecision>().expect("own text"), precision);
        }
        for text in ["int1", "int9", "int", "uint4", "4", ""] {
            assert!(text.parse::<WeightPrecision>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_nearest_integer_is_in_the_range() {
        for (precision, steps, expected) in [
            (WeightPrecision::Bits(4), 7.6, 7.0),
            (WeightPrecision::Bits(4), -9.0, -8.0),
            (WeightPrecision::Bits(2), 2.5, 1.0),
            (WeightPrecision::Bits(3), 2.5, 2.0),
            (WeightPrecision::EIGHT, -128.0, -127.0),
            (WeightPrecision::Ternary, 0.5, 0.0),
            (WeightPrecision::Ternary, 0.6, 1.0),
            (WeightPrecision::Bipolar, 0.0, 1.0),
            (WeightPrecision::Bipolar, -0.1, -1.0),
        ] {
            assert_eq!(precision.nearest(steps), expected, "{precision} {steps}");
        }
        assert!(WeightPrecision::Bits(2).holds(&[-2, 0, 1]) && !WeightPrecision::Ternary.holds(&[-2]));
        assert!(!WeightPrecision::Bipolar.holds(&[1, 0]));
    }
}
