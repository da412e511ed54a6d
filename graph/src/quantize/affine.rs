//! Computes the scale and zero point of eight-bit numbers from a range of floats: `real = scale · (q − zero point)`.

use crate::{Error, Tensor};

/// The range of a tensor's values, from `min` to `max`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The smallest value.
    pub min: f32,
    /// The largest value.
    pub max: f32,
}

impl Range {
    /// The range of `values`; an error that names the value `name` if one of them is not finite. The range of no values is 0
    /// to 0.
    pub fn of(name: &str, values: &[f32]) -> Result<Self, Error> {
        let mut range = Self { min: 0.0, max: 0.0 };
        for (index, &value) in values.iter().enumerate() {
            if !value.is_finite() {
                return Err(Error::value(
                    name,
                    format!("element {index} is {value}: it cannot be quantized"),
                ));
            }
            range = if index == 0 {
                Self { min: value, max: value }
            } else {
                Self { min: range.min.min(value), max: range.max.max(value) }
            };
        }
        Ok(range)
    }

    /// The range of what is in either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }
}

/// The smallest scale of an activation. A range that needs a smaller one gets this one, and the report warns
/// ([`Warning::Scale`](super::Warning::Scale)).
///
/// The scales of weights are kept between limits that depend on those of the activations before and after them
/// ([`quantize_per_channel`](super::quantize_per_channel)), so that the scale of a bias and the multiplier of a
/// requantization, `input · weight` and `input · weight / output`, are ordinary `f32`: neither infinite nor among the
/// subnormal numbers that some hardware flushes to zero.
pub const MIN_SCALE: f32 = f32::from_bits((127 - 100) << 23);

/// The largest scale of an activation. A range that needs a larger one gets this one: its ends saturate, and the report
/// warns.
pub const MAX_SCALE: f32 = f32::from_bits((127 + 100) << 23);

/// Scale and zero point of a tensor of unsigned bytes, or of integers of fewer bits, which are in bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Affine {
    /// The distance between neighbouring values; between [`MIN_SCALE`] and [`MAX_SCALE`].
    pub scale: f32,
    /// The byte that represents 0.
    pub zero_point: u8,
    /// The greatest byte: 255, or 2ᵇ − 1 of b bits.
    pub greatest: u8,
}

impl Affine {
    /// The parameters that spread 256 values evenly over `range`, which is widened to hold zero: padding and
    /// activations need a byte that is exactly zero (Jacob et al. 2018, section 2.1).
    ///
    /// `scale = (max − min) / 255`, between [`MIN_SCALE`] and [`MAX_SCALE`]; `zero_point = rne(−min / scale)`. A range of
    /// zeros only gets the scale 1 (all of it is the zero point).
    ///
    /// ```
    /// # use eightbit_graph::quantize::{Affine, Range};
    /// let relu6 = Affine::covering(Range { min: 0.0, max: 6.0 });
    /// assert_eq!((relu6.zero_point, relu6.quantize(6.0)), (0, 255));
    /// ```
    pub fn covering(range: Range) -> Self {
        Self::of_levels(range, u8::MAX)
    }

    /// As [`covering`](Self::covering), with the bytes from 0 to `greatest`, which is not 0.
    pub(crate) fn of_levels(range: Range, greatest: u8) -> Self {
        // In f64: the difference of two f32 may exceed every f32.
        let (min, max) = (f64::from(range.min.min(0.0)), f64::from(range.max.max(0.0)));
        let step = (max - min) / f64::from(greatest);
        let step = if step == 0.0 { 1.0 } else { step.clamp(f64::from(MIN_SCALE), f64::from(MAX_SCALE)) };
        let zero_point = (-min / step).round_ties_even().clamp(0.0, greatest.into()) as u8;
        Self { scale: step as f32, zero_point, greatest }
    }

    /// The byte that represents `value`: `clamp(rne(value / scale) + zero_point)`, NaN becomes the zero point.
    pub fn quantize(self, value: f32) -> u8 {
        if value.is_nan() {
            return self.zero_point;
        }
        let steps = (value / self.scale).round_ties_even();
        (steps + f32::from(self.zero_point)).clamp(0.0, self.greatest.into()) as u8
    }

    /// The bytes that represent `values`, in the same shape; an error if they are not `f32`.
    pub fn quantize_tensor(self, values: &Tensor) -> Result<Tensor, Error> {
        let bytes: Vec<u8> = values.as_f32()?.iter().map(|&value| self.quantize(value)).collect();
        Tensor::new(values.shape(), bytes)
    }

    /// The value that `byte` represents.
    pub fn dequantize(self, byte: u8) -> f32 {
        (i32::from(byte) - i32::from(self.zero_point)) as f32 * self.scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covering(min: f32, max: f32) -> Affine {
        Affine::covering(Range { min, max })
    }

    #[test]
    fn zero_is_exact_and_the_ends_are_reached() {
        for (min, max) in [(-1.0, 1.0), (0.0, 6.0), (-3.7, 0.0), (2.0, 5.0), (-9.0, -4.0), (-0.001, 7.3)] {
            let affine = covering(min, max);
            assert_eq!(affine.dequantize(affine.quantize(0.0)), 0.0);
            for end in [min, max] {
                let error = (affine.dequantize(affine.quantize(end)) - end).abs();
                // Half a step from rounding the value, another half from rounding the zero point.
                assert!(error <= affine.scale * 1.001, "{min}..{max}: {end} is off by {error}");
            }
        }
        assert_eq!(covering(2.0, 5.0).zero_point, 0);
        assert_eq!(covering(-9.0, -4.0).zero_point, 255);
        // −min/scale = 127.5: the tie goes to the even 128.
        assert_eq!(covering(-1.0, 1.0).zero_point, 128);
    }

    #[test]
    fn degenerate_ranges_are_harmless() {
        assert_eq!(covering(0.0, 0.0), Affine { scale: 1.0, zero_point: 0, greatest: 255 });
        assert_eq!(covering(-f32::MIN_POSITIVE, f32::MIN_POSITIVE).scale, MIN_SCALE);
        let constant = covering(3.0, 3.0);
        assert_eq!((constant.quantize(3.0), constant.dequantize(255)), (255, 3.0));
        let widest = covering(f32::MIN, f32::MAX);
        assert_eq!(widest.scale, MAX_SCALE);
        assert_eq!((widest.quantize(f32::INFINITY), widest.quantize(f32::NEG_INFINITY)), (255, 0));
        assert_eq!(widest.quantize(f32::NAN), widest.zero_point);
    }

    #[test]
    fn bytes_round_trip() {
        for (min, max) in [(-1.0, 1.0), (0.0, 6.0), (-123.4, 5.6)] {
            let affine = covering(min, max);
            for byte in 0..=255 {
                assert_eq!(affine.quantize(affine.dequantize(byte)), byte);
            }
        }
    }

    #[test]
    fn fewer_bits_have_fewer_levels() {
        let four = Affine::of_levels(Range { min: -1.0, max: 2.0 }, 15);
        assert_eq!((four.scale, four.zero_point), (0.2, 5));
        assert_eq!([-9.0, -1.0, 0.0, 2.0, 9.0].map(|value| four.quantize(value)), [0, 0, 5, 15, 15]);
    }

    #[test]
    fn ranges_of_constants() {
        assert_eq!(Range::of("c", &[2.0, -1.0, 3.0]).expect("finite"), Range { min: -1.0, max: 3.0 });
        assert_eq!(Range::of("c", &[]).expect("empty"), Range { min: 0.0, max: 0.0 });
        assert!(Range::of("c", &[0.0, f32::NAN]).expect_err("NaN").to_string().contains("\"c\""));
    }
}
