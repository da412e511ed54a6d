//! Ranges of floats that the codes of an integer type stand for, as TensorFlow's eight-bit operators have them: the lowest code
//! stands for `min`, the highest for `max`.
//!
//! TensorFlow converts in two ways, and which of them an operator takes shows in the last bit of its results: single numbers
//! in `f64` ([`CodeRange::code`], [`CodeRange::float`]), whole tensors in `f32` ([`Encoder`], [`Decoder`]). Where the formulas are from:
//! tensorflow/core/kernels/quantization_utils.h. Numbers are rounded half away from zero.

use std::marker::PhantomData;

use eightbit_kernels::elementwise::MAX_OFFSET;

use super::arguments::Arguments;
use super::inputs::Inputs;
use crate::{DataType, Element, Error, Tensor, TensorType};

/// A type of codes.
pub(crate) trait Code: Element + Into<f64> {
    /// The lowest code.
    const LOWEST: f64;
    /// The highest code.
    const HIGHEST: f64;
    /// The bounds between which [`Encoder`] keeps floats: those of `i32` are floats that are codes.
    const BOUNDS: [f32; 2];

    /// The nearest code to an integer.
    fn saturated(integer: i64) -> Self;

    /// The code at a float, of which the fraction is cut off; the nearest one outside of the type.
    fn truncated(x: f32) -> Self;

    /// The code that the low bits of an integer are.
    fn of_bits(bits: u32) -> Self;

    /// The code as a float, rounded where it is not one.
    fn as_f32(self) -> f32;
}

macro_rules! code {
    ($($type:ident: $bounds:expr),+) => {$(
        impl Code for $type {
            const LOWEST: f64 = $type::MIN as f64;
            const HIGHEST: f64 = $type::MAX as f64;
            const BOUNDS: [f32; 2] = $bounds;

            fn saturated(integer: i64) -> Self {
                integer.clamp($type::MIN.into(), $type::MAX.into()) as Self
            }

            #[inline]
            fn truncated(x: f32) -> Self {
                x as Self
            }

            #[inline]
            fn of_bits(bits: u32) -> Self {
                bits as Self
            }

            #[inline]
            fn as_f32(self) -> f32 {
                self as f32
            }
        }
    )+};
}

code!(u8: [0.0, 255.0], i8: [-128.0, 127.0], i32: [-2_147_483_648.0, 2_147_483_520.0]);

/// A range of floats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CodeRange {
    pub(crate) min: f32,
    pub(crate) max: f32,
}

impl CodeRange {
    /// The range in inputs `index` and `index + 1`.
    pub(crate) fn of(args: &Arguments<'_>, index: usize) -> Result<Self, Error> {
        Self::between(args, index, index + 1)
    }

    /// The range in inputs `min` and `max`.
    pub(crate) fn between(args: &Arguments<'_>, min: usize, max: usize) -> Result<Self, Error> {
        let bound = |index: usize| {
            let bound = args.optional_scalar(index)?;
            bound.ok_or_else(|| args.error(format!("input {index}, a bound of a range, is missing")))
        };
        Ok(Self { min: bound(min)?, max: bound(max)? })
    }

    /// The bounds as scalars.
    pub(crate) fn tensors(self) -> [Tensor; 2] {
        [Tensor::scalar(self.min), Tensor::scalar(self.max)]
    }

    /// The code for `x`, which may lie outside of the type.
    pub(crate) fn unbounded_code<T: Code>(self, x: f32) -> i64 {
        if self.min == self.max {
            return T::LOWEST as i64;
        }
        let scale = steps::<T>() / (f64::from(self.max - self.min) * (steps::<T>() / (steps::<T>() - 1.0)));
        let code = (f64::from(x) * scale).round() - (f64::from(self.min) * scale).round();
        (code as i64).saturating_add(T::LOWEST as i64)
    }

    /// The code for `x`, or the nearest one.
    pub(crate) fn code<T: Code>(self, x: f32) -> T {
        T::saturated(self.unbounded_code::<T>(x))
    }

    /// What a code stands for.
    pub(crate) fn float<T: Code>(self, code: T) -> f32 {
        if self.min == self.max {
            return self.min;
        }
        let scale = f64::from(self.max - self.min) * (steps::<T>() / (steps::<T>() - 1.0)) / steps::<T>();
        // Of floats in TensorFlow: the product is rounded to one.
        let of_min = f64::from((self.min / scale as f32).round() * scale as f32);
        // TensorFlow reads a code of 32 bits by way of `f32`.
        (of_min + (f64::from(code.as_f32()) - T::LOWEST) * scale) as f32
    }

    /// The range of 32-bit sums of products of codes of two ranges.
    pub(crate) fn of_products<X: Code, W: Code>(x: Self, w: Self) -> Self {
        let level =
            |range: Self, lowest: f64, highest: f64| (range.max - range.min) / (highest - lowest) as f32;
        let level = level(x, X::LOWEST, X::HIGHEST) * level(w, W::LOWEST, W::HIGHEST);
        Self { min: level * i32::MIN as f32, max: level * i32::MAX as f32 }
    }
}

/// The number of codes.
fn steps<T: Code>() -> f64 {
    T::HIGHEST - T::LOWEST + 1.0
}

/// From codes to floats, for whole tensors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decoder<T> {
    scale: f32,
    offset: f32,
    codes: PhantomData<T>,
}

impl<T: Code> Decoder<T> {
    pub(crate) fn new(range: CodeRange) -> Self {
        let scale = (f64::from(range.max - range.min) / (steps::<T>() - 1.0)) as f32;
        let of_min = if range.min == range.max { range.min } else { (range.min / scale).round() * scale };
        Self { scale, offset: of_min - T::LOWEST as f32 * scale, codes: PhantomData }
    }

    /// The scale and the offset: a float is `offset + code · scale`.
    pub(crate) fn line(self) -> [f32; 2] {
        [self.scale, self.offset]
    }

    #[inline]
    pub(crate) fn float(self, code: T) -> f32 {
        self.offset + code.as_f32() * self.scale
    }
}

/// From floats to codes, for whole tensors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Encoder<T> {
    scale: f32,
    offset: f32,
    /// Whether the multiples of `1 / scale` that have codes are among the numbers that [`SHIFT`] rounds.
    is_small: bool,
    codes: PhantomData<T>,
}

/// 1.5 · 2²³: a float of at most 2²² plus this number is rounded to a whole one, ties to even, which the low bits of the sum are.
const SHIFT: f32 = 12_582_912.0;

impl<T: Code> Encoder<T> {
    pub(crate) fn new(range: CodeRange) -> Self {
        let CodeRange { min, max } = range;
        let scale = if min == max { 0.0 } else { ((steps::<T>() - 1.0) / f64::from(max - min)) as f32 };
        let offset = (min * scale).round() - T::LOWEST as f32;
        let is_small = T::BOUNDS.iter().all(|bound| (offset + bound).abs() < (1 << 21) as f32);
        Self { scale, offset, is_small, codes: PhantomData }
    }

    /// The scale and the offset of [`encode`](eightbit_kernels::elementwise::encode), if that gives the same bytes.
    pub(crate) fn steps(self) -> Option<(f32, i32)> {
        let is_whole = T::LOWEST == 0.0 && self.offset.abs() <= MAX_OFFSET as f32;
        is_whole.then_some((self.scale, self.offset as i32))
    }

    #[inline]
    pub(crate) fn code(self, x: f32) -> T {
        let [low, high] = T::BOUNDS;
        if self.is_small {
            // The bounds are whole numbers: to clamp first gives the same.
            let x = (x * self.scale).max(low + self.offset).min(high + self.offset);
            let even = (x + SHIFT) - SHIFT;
            let rest = x - even;
            // Ties that went towards zero.
            let up = if rest == 0.5 && x > 0.0 { 1.0 } else { 0.0 };
            let down = if rest == -0.5 && x < 0.0 { 1.0 } else { 0.0 };
            return T::of_bits((even + up - down - self.offset + SHIFT).to_bits());
        }
        T::truncated((rounded(x * self.scale) - self.offset).max(low).min(high))
    }
}

/// `x.round()`, half away from zero, but that small negative numbers become 0 without a sign: compilers make vector code of it on every CPU.
#[inline]
pub(crate) fn rounded(x: f32) -> f32 {
    let whole = x as i32 as f32;
    let rest = x - whole;
    let rounded = whole + f32::from(u8::from(rest >= 0.5)) - f32::from(u8::from(rest <= -0.5));
    // Larger numbers have no fraction; NaN is none either.
    if x.abs() < 8_388_608.0 { rounded } else { x }
}

/// The codes of bytes of a range in another one.
pub(crate) fn byte_table(from: CodeRange, to: CodeRange) -> [u8; 256] {
    let (decoder, encoder) = (Decoder::<u8>::new(from), Encoder::<u8>::new(to));
    std::array::from_fn(|code| encoder.code(decoder.float(code as u8)))
}

/// The types of a tensor of codes and of the bounds of its range.
pub(crate) fn types(data_type: DataType, shape: impl Into<Vec<usize>>) -> Vec<TensorType> {
    vec![
        TensorType::new(data_type, shape),
        TensorType::new(DataType::F32, []),
        TensorType::new(DataType::F32, []),
    ]
}

/// As [`types`], for a tensor like input 0.
pub(crate) fn types_like_first(
    inputs: &Inputs<'_>,
    data_type: Option<DataType>,
) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    Ok(types(data_type.unwrap_or(x.data_type), x.shape.as_slice()))
}

/// A tensor of codes and the bounds of its range.
pub(crate) fn outputs<T: Code>(
    shape: &[usize],
    codes: Vec<T>,
    range: CodeRange,
) -> Result<Vec<Tensor>, Error> {
    let [min, max] = range.tensors();
    Ok(vec![Tensor::new(shape, T::wrap(codes))?, min, max])
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: CodeRange = CodeRange { min: -64.0, max: 63.5 };

    #[test]
    fn codes_stand_for_floats() {
        assert_eq!([0u8, 128, 255].map(|code| RANGE.float(code)), [-64.0, 0.0, 63.5]);
        assert_eq!([-64.0, 0.0, 63.5].map(|x| RANGE.code::<u8>(x)), [0, 128, 255]);
        assert_eq!([-99.0, 99.0].map(|x| RANGE.code::<i8>(x)), [-128, 127]);
        assert_eq!(RANGE.unbounded_code::<u8>(127.0), 382);
        let decoder = Decoder::<u8>::new(RANGE);
        assert_eq!([0u8, 128, 255].map(|code| decoder.float(code)), [-64.0, 0.0, 63.5]);
        let encoder = Encoder::<u8>::new(RANGE);
        assert_eq!([-64.0, 0.0, 63.5, 99.0, f32::NAN].map(|x| encoder.code(x)), [0, 128, 255, 255, 0]);
    }

    #[test]
    fn ties_are_rounded_away_from_zero() {
        for x in [0.0, 0.5, -0.5, 0.499_999_97, -1.5, 2.5, 8_388_607.5, -8_388_607.5, 8_388_609.0, 3e9, -3e38]
        {
            assert_eq!(rounded(x), x.round());
        }
        assert!(rounded(f32::NAN).is_nan() && rounded(f32::INFINITY).is_infinite());
    }

    #[test]
    fn small_codes_are_rounded_as_large_ones() {
        let mut encoder = Encoder::<i8>::new(CodeRange { min: -63.5, max: 64.0 });
        for sixteenth in -3000i16..3000 {
            let x = f32::from(sixteenth) / 16.0;
            encoder.is_small = true;
            let small = encoder.code(x);
            encoder.is_small = false;
            assert_eq!(small, encoder.code(x), "{x}");
        }
    }

    #[test]
    fn a_range_of_one_float_has_one_code() {
        let point = CodeRange { min: 2.0, max: 2.0 };
        assert_eq!((point.float(7u8), point.code::<u8>(9.0)), (2.0, 0));
        assert_eq!(Decoder::<u8>::new(point).float(9), 2.0);
        assert_eq!(Encoder::<i8>::new(point).code(2.0), -128);
    }

    #[test]
    fn sums_of_products_have_a_symmetric_range() {
        let range = CodeRange::of_products::<u8, u8>(
            CodeRange { min: -3.2, max: 5.1 },
            CodeRange { min: -0.7, max: 0.9 },
        );
        assert_eq!(range, CodeRange { min: -438_578.72, max: 438_578.72 });
    }
}
