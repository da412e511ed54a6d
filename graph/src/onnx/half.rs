//! Half floats, which are read as 32-bit floats: every half is a float, so no constant changes.

use crate::quoted;

/// The float of an IEEE half: 1 sign bit, 5 of the exponent, 10 of the fraction.
pub(super) fn from_f16(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let exponent = u32::from(bits >> 10 & 0x1f);
    let fraction = u32::from(bits & 0x3ff);
    match exponent {
        // Subnormal: fraction · 2⁻²⁴, which a float represents exactly.
        0 => f32::from_bits(sign | (fraction as f32 * f32::from_bits(0x3380_0000)).to_bits()),
        0x1f => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

/// The float of a bfloat16, which is the upper half of a float.
pub(super) fn from_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// What became floats while a model was read.
#[derive(Debug, Default)]
pub(super) struct Widened {
    /// Inputs and outputs of the model.
    pub(super) values: Vec<String>,
    pub(super) constants: usize,
    /// Conversions to half floats, which become conversions to floats.
    pub(super) conversions: usize,
}

impl Widened {
    /// What users should know about it; `None` if there were no half floats.
    pub(super) fn note(&self) -> Option<String> {
        let count = |count: usize, what: &str| match count {
            0 => None,
            1 => Some(format!("1 {what}")),
            _ => Some(format!("{count} {what}s")),
        };
        let mut parts: Vec<String> = self.values.iter().map(|name| quoted(name).to_string()).collect();
        parts.extend(count(self.constants, "constant"));
        parts.extend(count(self.conversions, "conversion"));
        let rounding =
            if self.conversions > 0 { ", and values are not rounded to halves between nodes" } else { "" };
        let note = format!("half floats of the file are 32-bit floats here{rounding}: {}", parts.join(", "));
        (!parts.is_empty()).then_some(note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_floats() {
        for (bits, value) in [
            (0x0000, 0.0f32),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x0400, 6.103_515_6e-5),
            (0x3555, 0.333_251_95),
            (0x7c00, f32::INFINITY),
            (0xfc00, f32::NEG_INFINITY),
        ] {
            assert_eq!(from_f16(bits).to_bits(), value.to_bits(), "{bits:#06x}");
        }
        assert_eq!(from_f16(0x8000).to_bits(), (-0.0f32).to_bits());
        assert!(from_f16(0x7e00).is_nan());
        assert_eq!((from_bf16(0x3f80), from_bf16(0xc2f7)), (1.0, -123.5));
    }

    #[test]
    fn values_are_those_of_the_formula() {
        for bits in 0..0x7c00u16 {
            let (exponent, fraction) = (i32::from(bits >> 10), f64::from(bits & 0x3ff));
            let value = match exponent {
                0 => fraction * 2f64.powi(-24),
                _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
            };
            assert_eq!(f64::from(from_f16(bits)), value, "{bits:#06x}");
        }
    }
}
