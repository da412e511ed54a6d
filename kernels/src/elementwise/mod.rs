//! Element-by-element operators: addition and multiplication of two tensors, rescaling, conversion
//! from and to `f32`.
//!
//! Most of them end in [`Target`]: `rne(clamp(x, low − zero_point, high − zero_point)) + zero_point` in `f32`. Every
//! operation on `f32` is rounded on its own, to nearest, ties to even; a fused multiply-add occurs in [`add`] alone. Ranges that are computed at
//! run time have forms of their own: [`encode`], [`decode`], [`FixedPoint`].

pub(crate) mod contract;
pub(crate) mod encode;
pub(crate) mod extremes;
pub(crate) mod fixed_point;
pub(crate) mod generic;
pub(crate) mod lookup;
pub(crate) mod quantize;
pub(crate) mod range;
pub(crate) mod ranged;
mod rows;

pub use contract::{MAX_FACTOR, Target};
pub use encode::{MAX_OFFSET, decode, encode};
pub use extremes::extremes;
pub use fixed_point::{CodesOfBytes, FixedPoint, requantize_bytes, requantize_codes};
pub use lookup::lookup;
pub use range::range;
pub use ranged::{Spread, Steps, quantize_range};
pub use rows::{RequantizeCall, requantize};

pub(crate) use contract::{Add, Binary, ByteTarget, Dequantize, Map, Mul, Quantize, Requantize};
pub(crate) use encode::{Decode, Encode};
pub(crate) use fixed_point::FixedPointOps;
pub(crate) use ranged::QuantizeRange;

use contract::{check_factor, check_zero};

use crate::{Backend, Element, ElementType, OutputElement};

/// An addition: `out = rne(clamp(fma(f32(a), factors[0], fma(f32(b), factors[1], offset)), low, high))`, where `fma(x, y, z)`
/// is `x · y + z` rounded once. Zero points are in the offset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AddCall<'a, A, B> {
    /// The backend whose code runs.
    pub backend: Backend,
    /// First operand.
    pub a: &'a [A],
    /// Second operand, of the same length.
    pub b: &'a [B],
    /// `input_scale / output_scale` of each operand: in `0..=`[`MAX_FACTOR`].
    pub factors: [f32; 2],
    /// `output_zero − (a_zero · factors[0] + b_zero · factors[1])`: at most `1024 ·`[`MAX_FACTOR`] either way.
    pub offset: f32,
    /// Least output value.
    pub low: i32,
    /// Greatest output value.
    pub high: i32,
}

/// A multiplication: `out = target(f32((a − zeros[0]) · (b − zeros[1])) · factor)`; the product of the integers is exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MulCall<'a, A, B> {
    /// The backend whose code runs.
    pub backend: Backend,
    /// First operand.
    pub a: &'a [A],
    /// Second operand, of the same length.
    pub b: &'a [B],
    /// The operands' zero points, within their types' ranges.
    pub zeros: [i32; 2],
    /// `a_scale · b_scale / output_scale`: in `0..=`[`MAX_FACTOR`].
    pub factor: f32,
    /// Where the result goes.
    pub target: Target,
}

/// Adds two tensors.
///
/// # Panics
///
/// If lengths differ, the output is not of bytes, or a parameter is outside its range.
pub fn add<A: Element, B: Element, O: OutputElement>(call: &AddCall<'_, A, B>, out: &mut [O]) {
    let target = Target { zero_point: 0, low: call.low, high: call.high };
    check_binary::<O>(call.a.len(), call.b.len(), out.len(), target);
    let target = target.to_bytes::<O>();
    call.factors.into_iter().for_each(check_factor);
    assert!(call.offset.abs() <= 1024.0 * MAX_FACTOR, "offset within its range");
    let code = call.backend.entry().ops.add[usize::from(A::SIGNED)][usize::from(B::SIGNED)];
    // SAFETY: three operands of the same length, by `check_binary`; the backend exists, so its features do.
    unsafe {
        code(&Add { bytes: binary(call.a, call.b, out), factors: call.factors, offset: call.offset, target })
    };
}

/// Multiplies two tensors element by element.
///
/// # Panics
///
/// If lengths differ, the output is not of bytes, or a parameter is outside its range.
pub fn mul<A: Element, B: Element, O: OutputElement>(call: &MulCall<'_, A, B>, out: &mut [O]) {
    check_binary::<O>(call.a.len(), call.b.len(), out.len(), call.target);
    check_zero::<A>(call.zeros[0]);
    check_zero::<B>(call.zeros[1]);
    check_factor(call.factor);
    let code = call.backend.entry().ops.mul[usize::from(A::SIGNED)][usize::from(B::SIGNED)];
    // SAFETY: as in `add`.
    unsafe {
        code(&Mul {
            bytes: binary(call.a, call.b, out),
            zeros: call.zeros,
            factor: call.factor,
            target: call.target.to_bytes::<O>(),
        });
    }
}

fn check_binary<O: OutputElement>(a: usize, b: usize, out: usize, target: Target) {
    assert_eq!(a, b, "operands of different lengths");
    assert_eq!(a, out, "output of another length");
    target.check::<O>();
}

fn binary<A: Element, B: Element, O: OutputElement>(a: &[A], b: &[B], out: &mut [O]) -> Binary {
    Binary { a: a.as_ptr().cast(), b: b.as_ptr().cast(), out: out.as_mut_ptr().cast(), len: out.len() }
}

/// Quantizes: `out = target(x / scale)`, with a division, and NaN as 0 (so it becomes the zero point, clamped).
///
/// # Panics
///
/// If lengths differ, the output is not of bytes, `scale` is not finite and greater than 0, or the target is outside its range.
pub fn quantize<O: OutputElement>(
    backend: Backend,
    input: &[f32],
    scale: f32,
    target: Target,
    out: &mut [O],
) {
    assert_eq!(input.len(), out.len(), "output of another length");
    assert!(scale.is_finite() && scale > 0.0, "scale within its range");
    target.check::<O>();
    let tensors = Map { input: input.as_ptr(), out: out.as_mut_ptr().cast(), len: out.len() };
    let target = target.to_bytes::<O>();
    // SAFETY: input and output of the same length; the backend exists, so its features do.
    unsafe {
        (backend.entry().ops.quantize)(&Quantize { tensors, scale, target });
    }
}

/// Dequantizes: `out = f32(input − zero) · scale`.
///
/// # Panics
///
/// If lengths differ, the output is not of `f32`, or `zero` is outside its range.
pub fn dequantize<I: Element, O: OutputElement>(
    backend: Backend,
    input: &[I],
    zero: i32,
    scale: f32,
    out: &mut [O],
) {
    assert_eq!(O::TYPE, ElementType::F32, "an output of f32");
    assert_eq!(input.len(), out.len(), "output of another length");
    check_zero::<I>(zero);
    let code = backend.entry().ops.dequantize[usize::from(I::SIGNED)];
    let tensors = Map { input: input.as_ptr().cast(), out: out.as_mut_ptr().cast(), len: out.len() };
    // SAFETY: input and output of the same length; the backend exists, so its features do.
    unsafe { code(&Dequantize { tensors, zero, scale }) };
}
