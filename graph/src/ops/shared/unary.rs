//! Elementwise operators on one tensor.

use super::super::eight_bit::EightBit;
use super::super::example::{Example, Input};
use super::super::operator::Operator;
use super::arguments::Arguments;
use super::inputs::Inputs;
use crate::{Element, Error, Tensor, TensorData, TensorType};

const EXAMPLES: &[Example] =
    &[Example::new(&[Input::Positive(&[1, 3, 4, 5])], &[]), Example::new(&[Input::Positive(&[7])], &[])];

/// An elementwise operator with one input: a table of 256 bytes between bytes.
pub(crate) const fn operator(
    name: &'static str,
    summary: &'static str,
    evaluate: fn(&Arguments<'_>) -> Result<Vec<Tensor>, Error>,
) -> Operator {
    Operator {
        examples: EXAMPLES,
        eight_bit: EightBit::Table,
        elementwise: true,
        ..Operator::new(name, summary, same, evaluate)
    }
}

/// The output has the first input's type and shape.
pub(crate) fn same(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    Ok(vec![inputs.get(0)?.clone()])
}

/// A function of floats, computed in `f64`.
pub(crate) fn floats(args: &Arguments<'_>, function: impl Fn(f64) -> f64) -> Result<Vec<Tensor>, Error> {
    let input = args.tensor(0)?;
    match input.data() {
        TensorData::F32(x) => map(input, x, |x| function(f64::from(x)) as f32),
        TensorData::F64(x) => map(input, x, function),
        other => Err(args.wrong_type(other.data_type())),
    }
}

/// A function of the elements `x` of `input`.
pub(crate) fn map<T: Element>(
    input: &Tensor,
    x: &[T],
    function: impl Fn(T) -> T,
) -> Result<Vec<Tensor>, Error> {
    Ok(vec![Tensor::new(input.shape(), T::wrap(x.iter().map(|&x| function(x)).collect()))?])
}

/// Signed numbers, for functions that are defined for integers, too.
pub(crate) trait Signed: Element + PartialOrd {
    /// The magnitude; the least integer is unchanged.
    fn magnitude(self) -> Self;
    /// The negative; the least integer is unchanged.
    fn negative(self) -> Self;
}

macro_rules! signed {
    ($($type:ty: $magnitude:ident, $negative:expr);*) => {$(
        impl Signed for $type {
            fn magnitude(self) -> Self {
                self.$magnitude()
            }

            fn negative(self) -> Self {
                $negative(self)
            }
        }
    )*};
}

signed!(
    f32: abs, |x: f32| -x;
    f64: abs, |x: f64| -x;
    i8: wrapping_abs, i8::wrapping_neg;
    i16: wrapping_abs, i16::wrapping_neg;
    i32: wrapping_abs, i32::wrapping_neg;
    i64: wrapping_abs, i64::wrapping_neg
);

/// Applies a function generic over [`Signed`] to each element of the first input.
macro_rules! signed_numbers {
    ($args:expr, $function:expr) => {{
        let input = $args.tensor(0)?;
        $crate::ops::shared::by_element::by_type_of!(
            input,
            [F32 F64 I8 I16 I32 I64],
            x => $crate::ops::shared::unary::map(input, x, $function),
            other => Err($args.wrong_type(other.data_type()))
        )
    }};
}
pub(crate) use signed_numbers;
