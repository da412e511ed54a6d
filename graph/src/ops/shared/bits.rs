//! Shared by the operators on the bits of elements.

use super::super::example::{Example, Input};
use super::super::operator::{Evaluate, Operator};
use super::arguments::Arguments;
use super::zipped::{self, zipped};
use crate::{Element, Error, Tensor};

/// An element as its bits.
pub(crate) trait Bits: Element {
    /// The number of bits.
    const COUNT: u32;
    /// The bits, extended by the sign if there is one.
    fn bits(self) -> u64;
    /// The element of the lowest bits.
    fn of_bits(bits: u64) -> Self;
}

macro_rules! bits {
    ($($type:ty)*) => {$(
        impl Bits for $type {
            const COUNT: u32 = <$type>::BITS;

            fn bits(self) -> u64 {
                self as u64
            }

            fn of_bits(bits: u64) -> Self {
                bits as $type
            }
        }
    )*};
}

bits!(u8 i8 u16 i16 u32 i32 u64 i64);

macro_rules! float_bits {
    ($($type:ty, $bits:ty);*) => {$(
        impl Bits for $type {
            const COUNT: u32 = <$bits>::BITS;

            fn bits(self) -> u64 {
                self.to_bits().into()
            }

            fn of_bits(bits: u64) -> Self {
                <$type>::from_bits(bits as $bits)
            }
        }
    )*};
}

float_bits!(f32, u32; f64, u64);

impl Bits for bool {
    const COUNT: u32 = u8::BITS;

    fn bits(self) -> u64 {
        self.into()
    }

    fn of_bits(bits: u64) -> Self {
        bits != 0
    }
}

/// Applies a function generic over [`Bits`] to the arguments and the elements of a tensor.
macro_rules! by_integer {
    ($args:expr, $input:expr, $function:expr) => {
        $crate::ops::shared::by_element::by_type_of!(
            $input,
            [U8 I8 U16 I16 U32 I32 U64 I64],
            x => $function($args, x),
            other => Err($args.wrong_type(other.data_type()))
        )
    };
}
pub(crate) use by_integer;

/// A function of the bits of two integers.
pub(crate) const fn operator(name: &'static str, summary: &'static str, evaluate: Evaluate) -> Operator {
    const EXAMPLES: &[Example] = &[
        Example::new(&[Input::Bytes(&[2, 3, 4]), Input::Bytes(&[3, 1])], &[]),
        Example::new(&[Input::Integers(&[-1, 6, 1 << 40]), Input::Integers(&[3])], &[]),
    ];
    Operator {
        since: 18,
        examples: EXAMPLES,
        ..Operator::new(name, summary, |inputs| zipped::infer(inputs, inputs.get(0)?.data_type), evaluate)
    }
}

/// `function(a, b)` of the bits of two integers.
pub(crate) fn combine(args: &Arguments<'_>, function: fn(u64, u64) -> u64) -> Result<Vec<Tensor>, Error> {
    fn typed<T: Bits>(
        args: &Arguments<'_>,
        function: fn(u64, u64) -> u64,
        a: &[T],
    ) -> Result<Vec<Tensor>, Error> {
        let (left, right) = (args.tensor(0)?, args.tensor(1)?);
        Ok(vec![zipped(args, left, a, right, |a, b| T::of_bits(function(a.bits(), b.bits())))?])
    }
    by_integer!(args, args.tensor(0)?, |args, a| typed(args, function, a))
}
