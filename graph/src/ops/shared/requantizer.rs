//! 32-bit codes to eight-bit codes of another range, as TensorFlow's `Requantize` does it.

use eightbit_kernels::elementwise::FixedPoint;

use super::code_range::{Code, CodeRange, Decoder, Encoder};

/// Fraction bits of [`FixedPoint`].
const FRACTION: i32 = 16;

/// From 32-bit codes of one range to bytes from 0 to 255 of another.
pub(crate) fn fixed_point(from: CodeRange, to: CodeRange) -> FixedPoint {
    let one = f64::from(1 << FRACTION);
    let half = 1 << (FRACTION - 1);
    let (range, to_range) = (from.max - from.min, to.max - to.min);
    if to_range == 0.0 {
        return FixedPoint { scale: 0, offset: half };
    }
    let scale = 255.0 * one * f64::from(range) / f64::from(to_range);
    let middle = (f64::from(from.min + from.max) / 2.0) as f32;
    // These products are rounded to f32 each.
    let of_middle = middle * ((255.0 / f64::from(to_range)) as f32) * one as f32;
    let of_min = one * (f64::from(to.min) * 255.0) / f64::from(to_range);
    let offset = (of_middle as i64).saturating_sub(of_min.round() as i64);
    FixedPoint { scale: scale as i64, offset: offset.saturating_add(half) }
}

/// Requantizes 32-bit codes to bytes of type `T`.
pub(crate) trait RequantizeTo: Code {
    fn requantize(from: CodeRange, to: CodeRange, sums: &[i32], codes: &mut [Self]);
}

impl RequantizeTo for u8 {
    fn requantize(from: CodeRange, to: CodeRange, sums: &[i32], codes: &mut [Self]) {
        let by = fixed_point(from, to);
        for (&sum, code) in sums.iter().zip(codes) {
            *code = by.byte(sum);
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
        let by = fixed_point(all, some);
        let at = |x: f32| by.byte(all.code::<i32>(x));
        assert_eq!([-9.0, -8.0, 0.0, 8.0, 9.0].map(at), [0, 0, 128, 255, 255]);
        assert_eq!(fixed_point(all, CodeRange { min: 1.0, max: 1.0 }).byte(i32::MAX), 0);
        let mut codes = [0i8; 3];
        i8::requantize(all, some, &[-8.0, 0.0, 8.0].map(|x| all.code::<i32>(x)), &mut codes);
        assert_eq!(codes, [-128, 0, 127]);
    }
}
