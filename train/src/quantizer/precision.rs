//! Which rule a network's weights and activations follow.

use std::fmt;
use std::str::FromStr;

use eightbit_graph::quoted;

use super::Quantizer;
use crate::Error;

/// The rules of a network; `None` is floats.
///
/// As usual in the literature, the first layer has eight bits, and so have the weights of the last one, whose input has at least four,
/// unless everything is fixed point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Precision {
    /// Of weights.
    pub weights: Option<Quantizer>,
    /// Of the inputs of layers.
    pub activations: Option<Quantizer>,
}

const EDGE: Quantizer = Quantizer::Lsq { bits: 8, per_channel: true };

impl Precision {
    /// Learned steps, and signs where there is one bit.
    ///
    /// # Errors
    ///
    /// Bits that are not 1 to 8.
    pub fn of_bits(weights: u32, activations: u32) -> Result<Self, Error> {
        let of = |bits| match bits {
            1 => Quantizer::Sign { scaled: true },
            bits => Quantizer::Lsq { bits, per_channel: true },
        };
        Self { weights: Some(of(weights)), activations: Some(of(activations)) }.checked()
    }

    /// The same, if its rules have these bits.
    ///
    /// # Errors
    ///
    /// See [`Quantizer::check`].
    pub fn checked(self) -> Result<Self, Error> {
        self.weights.iter().try_for_each(|rule| rule.check(true))?;
        self.activations.iter().try_for_each(|rule| rule.check(false))?;
        Ok(self)
    }

    /// Whether weights or activations have few bits.
    pub fn is_quantized(&self) -> bool {
        self.weights.is_some() || self.activations.is_some()
    }

    fn is_fixed(&self) -> bool {
        [self.weights, self.activations]
            .iter()
            .flatten()
            .any(|rule| matches!(rule, Quantizer::FixedPoint { .. }))
    }

    /// The rules of weights and inputs of layer `index` of `count`.
    pub(crate) fn of_layer(&self, index: usize, count: usize) -> (Option<Quantizer>, Option<Quantizer>) {
        let edge = |rule: Option<Quantizer>| if self.is_fixed() { rule } else { rule.map(|_| EDGE) };
        let at_least_four = |rule: Option<Quantizer>| match rule {
            Some(Quantizer::Lsq { bits: 2..=3, .. } | Quantizer::Sign { .. }) => {
                Some(Quantizer::Lsq { bits: 4, per_channel: true })
            }
            Some(Quantizer::Pact { bits: 2..=3 }) => Some(Quantizer::Pact { bits: 4 }),
            Some(Quantizer::DoReFa { bits: 2..=3 }) => Some(Quantizer::DoReFa { bits: 4 }),
            other => other,
        };
        if index == 0 {
            (edge(self.weights), edge(self.activations))
        } else if index + 1 == count {
            (edge(self.weights), at_least_four(self.activations))
        } else {
            (self.weights, self.activations)
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = |rule: Option<Quantizer>| match rule {
            None => 32,
            Some(Quantizer::Sign { .. }) => 1,
            Some(
                Quantizer::Lsq { bits, .. }
                | Quantizer::Pact { bits }
                | Quantizer::DoReFa { bits }
                | Quantizer::FixedPoint { bits, .. },
            ) => bits,
        };
        match (self.weights, self.activations) {
            (None, None) => write!(f, "float"),
            (Some(Quantizer::FixedPoint { bits, integer_bits }), _) => {
                write!(f, "fixed<{bits},{integer_bits}>")
            }
            (weights, activations) => write!(f, "w{}a{}", bits(weights), bits(activations)),
        }
    }
}

/// `float`, `w2a2` (bits of weights and activations, 1 to 8; 32 for floats), or `fixed<8,3>` (all bits, bits before the point).
impl FromStr for Precision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || {
            let reason =
                format!("{} is none of float, w2a2 (1 to 8 bits, 32 for floats), fixed<8,3>", quoted(text));
            Error::argument("bits", reason)
        };
        if text == "float" {
            return Ok(Self::default());
        }
        if let Some(numbers) = text.strip_prefix("fixed<").and_then(|rest| rest.strip_suffix('>')) {
            let (bits, integer_bits) = numbers.split_once(',').ok_or_else(wrong)?;
            let bits = bits.trim().parse().map_err(|_| wrong())?;
            let integer_bits = integer_bits.trim().parse().map_err(|_| wrong())?;
            let rule = Some(Quantizer::FixedPoint { bits, integer_bits });
            return Self { weights: rule, activations: rule }.checked();
        }
        let (weights, activations) =
            text.strip_prefix('w').and_then(|rest| rest.split_once('a')).ok_or_else(wrong)?;
        let parse = |bits: &str| bits.parse::<u32>().map_err(|_| wrong());
        let (weights, activations) = (parse(weights)?, parse(activations)?);
        let both = Self::of_bits(
            if weights == 32 { 8 } else { weights },
            if activations == 32 { 8 } else { activations },
        )?;
        Ok(Self {
            weights: both.weights.filter(|_| weights != 32),
            activations: both.activations.filter(|_| activations != 32),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for text in ["float", "w1a1", "w2a8", "w32a4", "fixed<8,-1>"] {
            assert_eq!(text.parse::<Precision>().unwrap().to_string(), text);
        }
        for text in ["", "w2", "w0a1", "w9a1", "wxa1", "fixed<1,1>", "fixed<8>", "W2A2"] {
            assert!(text.parse::<Precision>().is_err(), "{text}");
        }
    }

    #[test]
    fn edges_have_eight_bits() {
        let precision = Precision::of_bits(1, 1).unwrap();
        let four = Quantizer::Lsq { bits: 4, per_channel: true };
        assert_eq!(precision.of_layer(0, 3), (Some(EDGE), Some(EDGE)));
        assert_eq!(precision.of_layer(1, 3), (precision.weights, precision.activations));
        assert_eq!(precision.of_layer(2, 3), (Some(EDGE), Some(four)));
        let fixed: Precision = "fixed<6,2>".parse().unwrap();
        assert_eq!(fixed.of_layer(0, 2), (fixed.weights, fixed.activations));
    }
}
