//! Elementwise operators on several tensors, broadcast to a common shape.

use super::super::example::{Example, Input};
use super::super::operator::Operator;
use super::arguments::Arguments;
use super::by_element::by_type_of;
use super::indexing::{Offsets, broadcast, broadcast_strides};
use super::inputs::Inputs;
use super::upgrade;
use crate::{Element, Error, Node, Tensor, TensorType};

/// Examples of operators with two or more inputs.
const EXAMPLES: &[Example] = &[
    Example::new(&[Input::Floats(&[1, 3, 4, 5]), Input::Positive(&[1, 3, 4, 5])], &[]),
    Example::new(&[Input::Positive(&[2, 1, 4]), Input::Positive(&[3, 1])], &[]),
];

/// The operator that applies `O` to two tensors.
pub(crate) const fn two<O: Operation>(name: &'static str, summary: &'static str) -> Operator {
    Operator {
        examples: EXAMPLES,
        upgrade: upgrade::broadcast,
        ..Operator::new(name, summary, infer_two, evaluate_two::<O>)
    }
}

/// The operator that applies `O` to any number of tensors, from the first to the last.
pub(crate) const fn many<O: Operation>(name: &'static str, summary: &'static str) -> Operator {
    Operator { examples: EXAMPLES, ..Operator::new(name, summary, infer, evaluate::<O>) }
}

/// A binary operation on elements, for every type that the operators support.
pub(crate) trait Number: Element + PartialOrd {
    /// Whether a division by zero is undefined.
    const IS_INTEGER: bool;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    /// Integers are not divided by zero: see [`Operation::is_defined`].
    fn div(self, other: Self) -> Self;
    fn pow(self, other: Self) -> Self;
    /// The smaller one; NaN if one is NaN.
    fn min(self, other: Self) -> Self;
    /// The greater one; NaN if one is NaN.
    fn max(self, other: Self) -> Self;
}

macro_rules! float {
    ($type:ty) => {
        impl Number for $type {
            const IS_INTEGER: bool = false;

            fn add(self, other: Self) -> Self {
                self + other
            }

            fn sub(self, other: Self) -> Self {
                self - other
            }

            fn mul(self, other: Self) -> Self {
                self * other
            }

            fn div(self, other: Self) -> Self {
                self / other
            }

            fn pow(self, other: Self) -> Self {
                self.powf(other)
            }

            fn min(self, other: Self) -> Self {
                if self.is_nan() || self < other { self } else { other }
            }

            fn max(self, other: Self) -> Self {
                if self.is_nan() || self > other { self } else { other }
            }
        }
    };
}

/// Integers wrap; division rounds towards zero.
macro_rules! integer {
    ($type:ty) => {
        impl Number for $type {
            const IS_INTEGER: bool = true;

            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }

            fn sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }

            fn mul(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }

            fn div(self, other: Self) -> Self {
                self.wrapping_div(other)
            }

            fn pow(self, other: Self) -> Self {
                (self as f64).powf(other as f64) as $type
            }

            fn min(self, other: Self) -> Self {
                Ord::min(self, other)
            }

            fn max(self, other: Self) -> Self {
                Ord::max(self, other)
            }
        }
    };
}

float!(f32);
float!(f64);
integer!(u8);
integer!(i8);
integer!(i32);
integer!(i64);

/// Any number of inputs of one type, broadcast together.
fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let first = inputs.get(0)?;
    let mut shape = first.shape.clone();
    for index in 1..inputs.len() {
        let input = inputs.get(index)?;
        if input.data_type != first.data_type {
            return Err(inputs.error(format!("inputs of types {} and {}", first.data_type, input.data_type)));
        }
        shape = broadcast_of(inputs.node, &shape, &input.shape)?;
    }
    Ok(vec![TensorType::new(first.data_type, shape)])
}

/// As [`infer`], for two inputs.
pub(crate) fn infer_two(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    check_two(inputs.node, inputs.len())?;
    infer(inputs)
}

/// The common shape of two broadcast shapes; an error about `node` if they do not fit.
pub(crate) fn broadcast_of(node: &Node, a: &[usize], b: &[usize]) -> Result<Vec<usize>, Error> {
    broadcast(a, b).ok_or_else(|| Error::node(node, format!("shapes {a:?} and {b:?} do not broadcast")))
}

fn check_two(node: &Node, inputs: usize) -> Result<(), Error> {
    if inputs == 2 { Ok(()) } else { Err(Error::node(node, format!("needs 2 inputs, has {inputs}"))) }
}

/// An operation on two numbers of any type, named by a type because a generic function cannot be an argument.
pub(crate) trait Operation {
    fn apply<T: Number>(a: T, b: T) -> T;

    /// Whether the operation is defined for all elements `b` of the second tensor.
    fn is_defined<T: Number>(_b: &[T]) -> bool {
        true
    }
}

/// Defines the [`Operation`] `$name`, which computes `$result` of the numbers `$a` and `$b`.
macro_rules! operation {
    ($name:ident, |$a:ident, $b:ident| $result:expr) => {
        struct $name;

        impl $crate::ops::shared::binary::Operation for $name {
            fn apply<T: $crate::ops::shared::binary::Number>($a: T, $b: T) -> T {
                $result
            }
        }
    };
}
pub(crate) use operation;

pub(crate) fn evaluate_two<O: Operation>(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    check_two(args.node(), args.all()?.len())?;
    evaluate::<O>(args)
}

fn evaluate<O: Operation>(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn apply<O: Operation>(args: &Arguments<'_>, left: &Tensor, right: &Tensor) -> Result<Tensor, Error> {
        fn typed<O: Operation, T: Number>(
            args: &Arguments<'_>,
            left: &Tensor,
            a: &[T],
            right: &Tensor,
        ) -> Result<Tensor, Error> {
            let b: &[T] = right.values()?;
            if !O::is_defined(b) {
                return Err(args.error("division of integers by zero"));
            }
            let shape = broadcast_of(args.node(), left.shape(), right.shape())?;
            args.count(&shape)?;
            let left = Offsets::new(&shape, &broadcast_strides(left.shape(), &shape));
            let right = Offsets::new(&shape, &broadcast_strides(right.shape(), &shape));
            let result = left.zip(right).map(|(i, j)| O::apply(a[i], b[j])).collect();
            Tensor::new(shape, T::wrap(result))
        }
        by_type_of!(
            left,
            [F32 F64 U8 I8 I32 I64],
            a => typed::<O, _>(args, left, a, right),
            other => Err(args.wrong_type(other.data_type()))
        )
    }
    let inputs = args.all()?;
    let mut result = inputs[0].clone();
    for input in &inputs[1..] {
        result = apply::<O>(args, &result, input)?;
    }
    Ok(vec![result])
}
