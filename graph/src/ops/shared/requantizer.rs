//! 32-bit codes to eight-bit codes of another range, as TensorFlow's `Requantize` does it.

use super::code_range::{Code, CodeRange, Decoder, Encoder};

/// Fraction bits of the products.
const FRACTION: i32 = 16;

/// Codes from 32 bits to bytes from 0 to 255, in fixed-point arithmetic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Requantizer {
    scale: i64,
    /// What is added to the products, half a step included.
    offset: i64,
}

impl Requantizer {
    pub(crate) fn new(from: CodeRange, to: CodeRange) -> Self {
        let one = f64::from(1 << FRACTION);
        let (range, to_range) = (from.max - from.min, to.max - to.min);
        if to_range == 0.0 {
            return Self { scale: 0, offset: 1 << (FRACTION - 1) };
        }
        let scale = 255.0 * one * f64::from(range) / f64::from(to_range);
        let middle = (f64::from(from.min + from.max) / 2.0) as f32;
        // These products are rounded to f32 each.
        let of_middle = middle * ((255.0 / f64::from(to_range)) as f32) * one as f32;
        let of_min = one * (f64::from(to.min) * 255.0) / f64::from(to_range);
        let offset = (of_middle as i64).saturating_sub(of_min.round() as i64);
        Self { scale: scale as i64, offset: offset.saturating_add(1 << (FRACTION - 1)) }
    }

    #[inline]
    pub(crate) fn code(self, sum: i32) -> u8 {
        // TensorFlow reads larger sums by way of `f32`, which rounds them.
        self.code_of(if is_small(sum) { sum.into() } else { sum as f32 as i64 })
    }

    #[inline]
    fn code_of(self, sum: i64) -> u8 {
        let product = sum.wrapping_mul(self.scale) >> 32;
        (product.wrapping_add(self.offset) >> FRACTION).clamp(0, 255) as u8
    }
}

/// Whether `f32` holds every sum up to this one.
fn is_small(sum: i32) -> bool {
    sum.unsigned_abs() < 1 << 24
}

/// Requantizes 32-bit codes to bytes of type `T`.
pub(crate) trait RequantizeTo: Code {
    fn requantize(from: CodeRange, to: CodeRange, sums: &[i32], codes: &mut [Self]);
}

impl RequantizeTo for u8 {
    fn requantize(from: CodeRange, to: CodeRange, sums: &[i32], codes: &mut [Self]) {
        let requantizer = Requantizer::new(from, to);
        // Decided once: the common loop has no conversions.
        let all_small = sums.iter().all(|&sum| is_small(sum));
        for (&sum, code) in sums.iter().zip(codes) {
            *code = if all_small { requantizer.code_of(sum.into()) } else { requantizer.code(sum) };
        }
    }
}

/// By way of floats.
impl RequantizeTo for i8 {
    fn requantize(from: CodeRange, to: CodeRange, sums: &[i32], codes: &mut [Self]) {
        let (decoder, encoder) = (Decoder::<i32>::new(from), Encoder::<Self>::new(to));
        for (&sum, code) in sums.iter().zip(codes) {
            *code = encoder.code(decoder.float(sum));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_a_range_are_the_ends_of_the_codes() {
        let all = CodeRange { min: -1024.0, max: 1024.0 };
        let some = CodeRange { min: -8.0, max: 8.0 };
        let requantizer = Requantizer::new(all, some);
        let at = |x: f32| requantizer.code(all.code::<i32>(x));
        assert_eq!([-9.0, -8.0, 0.0, 8.0, 9.0].map(at), [0, 0, 128, 255, 255]);
        assert_eq!(Requantizer::new(all, CodeRange { min: 1.0, max: 1.0 }).code(i32::MAX), 0);
        let mut codes = [0i8; 3];
        i8::requantize(all, some, &[-8.0, 0.0, 8.0].map(|x| all.code::<i32>(x)), &mut codes);
        assert_eq!(codes, [-128, 0, 127]);
    }
}
