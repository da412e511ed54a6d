//! The epilogue of a GEMM or convolution: from accumulators to output elements.

#[cfg(not(any(feature = "std", test)))]
use crate::float::F64 as _;
use crate::{ElementType, Error, Per};
use alloc::vec::Vec;

/// The epilogue: what is stored for the accumulators `acc[m][n]`.
///
/// `n` is the output channel; see the crate's documentation for the numerics, which hold bit for bit.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Stage {
    /// Stored as `i32`, bias included; added (mod 2³²) to what the output holds if `accumulate`.
    Accumulators {
        /// Whether to add to the output instead of replacing it.
        accumulate: bool,
    },
    /// Requantized to eight bits.
    Requantize(Requantize),
    /// Dequantized to real numbers.
    Dequantize(Dequantize),
}

impl Stage {
    /// Plain `i32` accumulators that replace the output.
    pub const ACCUMULATORS: Stage = Stage::Accumulators { accumulate: false };

    /// The output type.
    #[must_use]
    pub fn output(&self) -> ElementType {
        match self {
            Stage::Accumulators { .. } => ElementType::I32,
            Stage::Requantize(requantize) => requantize.output,
            Stage::Dequantize(_) => ElementType::F32,
        }
    }
}

/// Requantization to `u8` or `i8`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Requantize {
    /// The factor from accumulator to output steps: `lhs_scale · weight_scale[n] / output_scale`.
    pub multiplier: Multiplier,
    /// The output's zero point.
    pub zero_point: i32,
    /// Least and greatest output value: a fused ReLU or ReLU6 is a clamp.
    pub clamp: (i32, i32),
    /// `U8` or `I8`.
    pub output: ElementType,
}

impl Requantize {
    /// Requantization by factors to the whole range of `output` (`U8` or `I8`).
    #[must_use]
    pub fn new(multiplier: impl Into<Multiplier>, zero_point: i32, output: ElementType) -> Requantize {
        Requantize { multiplier: multiplier.into(), zero_point, clamp: output.integer_range(), output }
    }

    /// The same, with another clamp.
    #[must_use]
    pub fn clamped(self, low: i32, high: i32) -> Requantize {
        Requantize { clamp: (low, high), ..self }
    }
}

/// How accumulators are scaled to output steps.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Multiplier {
    /// One `f32` multiplication, rounded to nearest, ties to even: what ONNX Runtime does.
    F32(Per<f32>),
    /// Integers only: what TensorFlow Lite's reference kernels do.
    Fixed(Per<FixedPoint>),
}

impl From<Per<f32>> for Multiplier {
    fn from(scale: Per<f32>) -> Multiplier {
        Multiplier::F32(scale)
    }
}

impl From<Per<FixedPoint>> for Multiplier {
    fn from(factor: Per<FixedPoint>) -> Multiplier {
        Multiplier::Fixed(factor)
    }
}

/// `mantissa · 2^(shift − 31)`. A number has no further parts: there will be no further field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FixedPoint {
    /// 2³⁰ … 2³¹ − 1.
    pub mantissa: i32,
    /// −31 … 30; positive is to the left.
    pub shift: i32,
}

impl FixedPoint {
    /// The fixed-point number next to `scale`, as TensorFlow Lite's `QuantizeMultiplier` chooses it: `frexp`, mantissa
    /// rounded to 31 bits, halves away from zero.
    ///
    /// # Errors
    ///
    /// If `scale` is not finite and greater than 0, or is 2³⁰ or more. A scale below 2⁻³² becomes the smallest
    /// factor, since a mantissa must not be 0.
    ///
    /// ```
    /// let half = eightbit::FixedPoint::nearest(0.5)?;
    /// assert_eq!((half.mantissa, half.shift), (1 << 30, 0));
    /// # Ok::<(), eightbit::Error>(())
    /// ```
    pub fn nearest(scale: f64) -> Result<FixedPoint, Error> {
        if !(scale.is_finite() && scale > 0.0) {
            return Err(Error::Scale { what: "fixed-point multiplier", found: scale as f32, index: None });
        }
        let mut shift = 0i32;
        let mut fraction = scale;
        while fraction >= 1.0 {
            fraction /= 2.0;
            shift += 1;
        }
        while fraction < 0.5 {
            fraction *= 2.0;
            shift -= 1;
        }
        let mut mantissa = (fraction * f64::from(1u32 << 31)).round() as i64;
        if mantissa == 1 << 31 {
            mantissa /= 2;
            shift += 1;
        }
        if shift > 30 {
            return Err(Error::OutOfRange {
                what: "exponent of a fixed-point multiplier",
                low: -31,
                high: 30,
                found: shift.into(),
            });
        }
        if shift < -31 {
            return Ok(FixedPoint { mantissa: 1 << 30, shift: -31 });
        }
        Ok(FixedPoint { mantissa: mantissa as i32, shift })
    }
}

/// Dequantization: `clamp((f32(acc) · scale[n]) · row_scale[m] + bias[n])`, every step rounded on its own. Row scales,
/// for activations that are quantized row by row, are given with the call
/// ([`Gemm::call_scaled`](crate::Gemm::call_scaled)); without them that step is skipped.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Dequantize {
    /// `lhs_scale · weight_scale[n]`.
    pub scale: Per<f32>,
    /// Added after the multiplication.
    pub bias: Option<Vec<f32>>,
    /// Least and greatest output value.
    pub clamp: (f32, f32),
}

impl Dequantize {
    /// Dequantization without bias and clamp.
    #[must_use]
    pub fn new(scale: Per<f32>) -> Dequantize {
        Dequantize { scale, bias: None, clamp: (f32::NEG_INFINITY, f32::INFINITY) }
    }

    /// The same, with this bias.
    #[must_use]
    pub fn with_bias(self, bias: impl Into<Option<Vec<f32>>>) -> Dequantize {
        Dequantize { bias: bias.into(), ..self }
    }

    /// The same, with another clamp.
    #[must_use]
    pub fn clamped(self, low: f32, high: f32) -> Dequantize {
        Dequantize { clamp: (low, high), ..self }
    }
}
