//! Element-wise operators; see [`elementwise`](crate::elementwise) for the formulas.

use crate::QuantizedType;
#[cfg(not(any(feature = "std", test)))]
use crate::float::F32 as _;

/// `rne(clamp(x, low − zero_point, high − zero_point)) + zero_point`, NaN as 0.
fn target(x: f32, output: &QuantizedType, (low, high): (i32, i32)) -> i32 {
    let x = if x.is_nan() { 0.0 } else { x };
    let zero_point = output.zero_point();
    let steps = x.clamp((low - zero_point) as f32, (high - zero_point) as f32).round_ties_even();
    steps as i32 + zero_point
}

/// An element, and the type that tells its value.
pub type Operand<'a> = (i32, &'a QuantizedType);

/// The sum of elements `a` and `b`, clamped to `clamp` (least and greatest output), as ONNX Runtime's QLinearAdd computes it
/// on x86-64.
#[must_use]
pub fn add_elements(a: Operand<'_>, b: Operand<'_>, output: &QuantizedType, clamp: (i32, i32)) -> i32 {
    let ((a, a_type), (b, b_type)) = (a, b);
    let (a_factor, b_factor) = (a_type.scale() / output.scale(), b_type.scale() / output.scale());
    let (a_zero, b_zero) = (a_type.zero_point() as f32, b_type.zero_point() as f32);
    let offset = output.zero_point() as f32 - a_zero.mul_add(a_factor, b_zero * b_factor);
    let sum = (a as f32).mul_add(a_factor, (b as f32).mul_add(b_factor, offset));
    sum.clamp(clamp.0 as f32, clamp.1 as f32).round_ties_even() as i32
}

/// The product of elements `a` and `b`, clamped to `clamp`.
#[must_use]
pub fn mul_elements(a: Operand<'_>, b: Operand<'_>, output: &QuantizedType, clamp: (i32, i32)) -> i32 {
    let ((a, a_type), (b, b_type)) = (a, b);
    let product = (a - a_type.zero_point()) * (b - b_type.zero_point());
    target(product as f32 * (a_type.scale() * b_type.scale() / output.scale()), output, clamp)
}

/// Element `x`, converted to another quantized type, clamped to `clamp`.
#[must_use]
pub fn requantize_element(x: i32, input: &QuantizedType, output: &QuantizedType, clamp: (i32, i32)) -> i32 {
    target((x - input.zero_point()) as f32 * (input.scale() / output.scale()), output, clamp)
}

/// The element nearest to the real number `x`, ties to even, clamped to `clamp`; the zero point for NaN.
#[must_use]
pub fn quantize_element(x: f32, output: &QuantizedType, clamp: (i32, i32)) -> i32 {
    target(x / output.scale(), output, clamp)
}

/// The real number that element `x` represents.
#[must_use]
pub fn dequantize_element(x: i32, input: &QuantizedType) -> f32 {
    (x - input.zero_point()) as f32 * input.scale()
}

/// The average of `count` elements whose sum, each less the zero point, is `sum`; clamped to `clamp`.
#[must_use]
pub fn average_elements(
    sum: i32,
    count: usize,
    input: &QuantizedType,
    output: &QuantizedType,
    clamp: (i32, i32),
) -> i32 {
    target(sum as f32 * (input.scale() / (output.scale() * count as f32)), output, clamp)
}
