//! Operators that treat every element on its own: addition and multiplication of two tensors, rescaling, conversion
//! from and to `f32`.
//!
//! All of them end in [`Target`]: `rne(clamp(x, low − zero_point, high − zero_point)) + zero_point` in `f32`. Every
//! operation on `f32` is rounded on its own, to nearest, ties to even; a fused multiply-add occurs in [`add`] alone.

pub(crate) mod generic;
pub(crate) mod lookup;
pub(crate) mod quantize;
mod rows;

pub use lookup::lookup;
pub use rows::{RequantizeCall, requantize};

use crate::simd::ByteRange;
use crate::{Backend, Element, ElementType, OutputElement};

/// The range that results are clamped to, and the output's zero point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The output's zero point, within its type's range.
    pub zero_point: i32,
    /// Least output value.
    pub low: i32,
    /// Greatest output value.
    pub high: i32,
}

impl Target {
    /// What the kernels make of it, for an output of type `T`.
    pub(crate) fn to_bytes<T: OutputElement>(self) -> ByteTarget {
        let (_, max) = T::TYPE.integer_range();
        ByteTarget {
            high: (self.high - self.zero_point) as f32,
            is_highest: self.high == max,
            range: ByteRange::new(self.zero_point, self.low, T::TYPE),
        }
    }

    pub(crate) fn check<T: OutputElement>(&self) {
        check_bytes::<T>();
        let (min, max) = T::TYPE.integer_range();
        assert!((min..=max).contains(&self.zero_point), "zero point within the output's range");
        assert!(
            min <= self.low && self.low <= self.high && self.high <= max,
            "clamp within the output's range"
        );
    }
}

/// The greatest factor that the operators take: with it no product or sum overflows, so none is infinite or NaN.
pub const MAX_FACTOR: f32 = (1u128 << 100) as f32;

/// An addition: `out = rne(clamp(fma(f32(a), factors[0], fma(f32(b), factors[1], offset)), low, high))`, where `fma(x, y, z)`
/// is `x · y + z` rounded once. Zero points are in the offset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AddCall<'a, A, B> {
    /// Whose code runs.
    pub backend: Backend,
    /// First operand.
    pub a: &'a [A],
    /// Second operand, as long.
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
    /// Whose code runs.
    pub backend: Backend,
    /// First operand.
    pub a: &'a [A],
    /// Second operand, as long.
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
    // SAFETY: three operands of the same length, as `check_binary` has seen; the backend exists, so its features do.
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

/// Outputs are bytes. They come as any type that a kernel can write, because that is what blocks of outputs are made of.
fn check_bytes<T: OutputElement>() {
    assert!(matches!(T::TYPE, ElementType::U8 | ElementType::I8), "an output of bytes");
}

fn check_zero<T: Element>(zero: i32) {
    let (min, max) = T::TYPE.integer_range();
    assert!((min..=max).contains(&zero), "zero point within the operand's range");
}

fn check_factor(factor: f32) {
    assert!((0.0..=MAX_FACTOR).contains(&factor), "factor within its range");
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
    let (input, len, target) = (input.as_ptr(), out.len(), target.to_bytes::<O>());
    // SAFETY: input and output of the same length; the backend exists, so its features do.
    unsafe {
        (backend.entry().ops.quantize)(&Quantize { input, out: out.as_mut_ptr().cast(), len, scale, target });
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
    let (input, len) = (input.as_ptr().cast(), out.len());
    // SAFETY: input and output of the same length; the backend exists, so its features do.
    unsafe { code(&Dequantize { input, out: out.as_mut_ptr().cast(), len, zero, scale }) };
}

/// [`Target`] for bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ByteTarget {
    /// Greatest output value, less the zero point.
    high: f32,
    /// Whether that is the greatest byte.
    is_highest: bool,
    range: ByteRange,
}

impl ByteTarget {
    /// Whether it is all bytes, `i8` if `signed`, with zero point 0.
    pub(crate) fn is_whole(&self, signed: bool) -> bool {
        let offset = if signed { 128 } else { 0 };
        let ByteRange { zero_point, low, flip } = self.range;
        self.is_highest && low == 0 && i32::from(zero_point) == offset && i32::from(flip) == offset
    }

    /// Whether values of magnitude `reach` and less need no upper limit, because packing them saturates. Both it and
    /// [`Simd::round`](crate::simd::Simd::round) take up to 2²².
    pub(crate) fn saturates(&self, reach: f32) -> bool {
        self.is_highest && reach <= (1u32 << 22) as f32
    }
}

/// Two operands of `len` bytes and as many bytes of output.
pub(crate) struct Binary {
    pub(crate) a: *const u8,
    pub(crate) b: *const u8,
    pub(crate) out: *mut u8,
    pub(crate) len: usize,
}

/// An addition.
pub(crate) struct Add {
    pub(crate) bytes: Binary,
    pub(crate) factors: [f32; 2],
    pub(crate) offset: f32,
    /// Its zero point is 0: the offset has it.
    pub(crate) target: ByteTarget,
}

/// A multiplication.
pub(crate) struct Mul {
    pub(crate) bytes: Binary,
    pub(crate) zeros: [i32; 2],
    pub(crate) factor: f32,
    pub(crate) target: ByteTarget,
}

/// `len` bytes to as many.
pub(crate) struct Requantize {
    pub(crate) input: *const u8,
    pub(crate) out: *mut u8,
    pub(crate) len: usize,
    pub(crate) zero: i32,
    pub(crate) scale: f32,
    pub(crate) target: ByteTarget,
}

/// `len` floats to as many bytes.
pub(crate) struct Quantize {
    pub(crate) input: *const f32,
    pub(crate) out: *mut u8,
    pub(crate) len: usize,
    pub(crate) scale: f32,
    pub(crate) target: ByteTarget,
}

/// `len` bytes to as many floats.
pub(crate) struct Dequantize {
    pub(crate) input: *const u8,
    pub(crate) out: *mut f32,
    pub(crate) len: usize,
    pub(crate) zero: i32,
    pub(crate) scale: f32,
}

/// Adds.
///
/// # Safety
///
/// The CPU has the backend's features; pointers are valid for `len` elements; the output overlaps no operand.
pub(crate) type AddFn = unsafe fn(&Add);
/// Multiplies.
///
/// # Safety
///
/// As [`AddFn`].
pub(crate) type MulFn = unsafe fn(&Mul);
/// Rescales.
///
/// # Safety
///
/// As [`AddFn`].
pub(crate) type RequantizeFn = unsafe fn(&Requantize);
/// Quantizes.
///
/// # Safety
///
/// As [`AddFn`].
pub(crate) type QuantizeFn = unsafe fn(&Quantize);
/// Dequantizes.
///
/// # Safety
///
/// As [`AddFn`].
pub(crate) type DequantizeFn = unsafe fn(&Dequantize);
