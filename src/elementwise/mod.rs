//! Element-wise operators.
//!
//! # Numerics
//!
//! These formulas are normative; [`reference`](crate::reference) transcribes them. Integers are exact; every operation
//! on `f32` is rounded on its own, to nearest, ties to even; `fma(x, y, z)` is `x · y + z` rounded once, which makes a sum
//! the same, bit for bit, as that of ONNX Runtime's QLinearAdd on x86-64. `target(x)` stands for
//! `rne(clamp(x, low − zero_point, high − zero_point)) + zero_point` with the output's zero point, where
//! `low ..= high` is the output's range, or the narrower one that a fused activation clamps to. Factors are computed
//! once, in `f32`, from left to right as written.
//!
//! | operator | output |
//! |---|---|
//! | [`Add`] | `rne(clamp(fma(f32(a), fa, fma(f32(b), fb, out_zero − fma(a_zero, fa, b_zero · fb))), low, high))`, `fa = a_scale / out_scale` |
//! | [`Mul`] | `target(f32((a − a_zero) · (b − b_zero)) · (a_scale · b_scale / out_scale))` |
//! | [`Requantize`] | `target(f32(x − in_zero) · (in_scale / out_scale))` |
//! | [`Quantize`] | `target(x / scale)`; NaN as 0, so that it becomes the zero point; ±∞ saturate |
//! | [`Dequantize`] | `f32(x − zero) · scale` |
//! | [`LookupTable`] | `quantize(f(dequantize(x)))`, computed for all 256 inputs |
//!
//! Factors above 2¹⁰⁰ are refused, so no intermediate result overflows.

mod binary;
mod convert;
mod lookup;

pub use binary::{Add, Mul};
pub use convert::{Dequantize, Quantize, Requantize};
pub use lookup::LookupTable;

use eightbit_kernels::Elements;
use eightbit_kernels::elementwise::{MAX_FACTOR, Target};
use eightbit_kernels::gemm::OutputBlock;

use crate::check::in_range;
use crate::check::{check_size, check_types};
use crate::{ElementType, Error, OutputElement, QuantizedType};

/// Calls `$call` with the elements of `$x` as a slice of their type.
macro_rules! by_type {
    ($x:expr, |$elements:ident| $call:expr) => {
        match $x {
            eightbit_kernels::Elements::U8($elements) => $call,
            eightbit_kernels::Elements::I8($elements) => $call,
        }
    };
}
pub(crate) use by_type;

/// A plan with its input.
#[derive(Debug)]
pub(crate) struct Unary<'a, P, I = Elements<'a>> {
    pub(crate) plan: &'a P,
    pub(crate) input: I,
}

// Not derived: a plan need not be `Copy`.
impl<P, I: Copy> Copy for Unary<'_, P, I> {}
impl<P, I: Copy> Clone for Unary<'_, P, I> {
    fn clone(&self) -> Self {
        *self
    }
}

/// Checks that an operator's input and output have the types of the plan and equal lengths.
fn check_unary<I: OutputElement, O: OutputElement>(
    (input_type, input): (ElementType, &[I]),
    (output_type, output): (ElementType, &[O]),
) -> Result<(), Error> {
    check_types::<I, O>(input_type, output_type)?;
    check_size("length of the output", input.len(), output.len())
}

/// A tensor as an output of one row, which tasks split.
pub(crate) fn row<T: OutputElement>(out: &mut [T]) -> OutputBlock<'_, T> {
    let len = out.len();
    OutputBlock::new(out, 1, len, len)
}

/// The whole range of a quantized type.
pub(crate) fn whole(of: &QuantizedType) -> Target {
    let (low, high) = of.element().integer_range();
    Target { zero_point: of.zero_point(), low, high }
}

/// The range `low ..= high` of a quantized type.
pub(crate) fn clamped(of: &QuantizedType, low: i32, high: i32) -> Result<Target, Error> {
    let (min, max) = of.element().integer_range();
    in_range("least output value", low, min, max)?;
    in_range("greatest output value", high, low, max)?;
    Ok(Target { zero_point: of.zero_point(), low, high })
}

pub(crate) fn check_factor(what: &'static str, factor: f32) -> Result<f32, Error> {
    if (0.0..=MAX_FACTOR).contains(&factor) { Ok(factor) } else { Err(Error::Factor { what, found: factor }) }
}
