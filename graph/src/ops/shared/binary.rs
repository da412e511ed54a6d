//! Elementwise operators on several tensors, broadcast to a common shape.

use super::super::example::{Example, Input};
use super::super::operator::Operator;
use super::arguments::Arguments;
use super::by_element::by_number_of;
use super::indexing::broadcast;
use super::inputs::Inputs;
use super::number::Number;
use super::upgrade;
use super::zipped::zipped;
use crate::{Error, Node, Tensor, TensorType};

/// Examples of operators with two or more inputs.
const EXAMPLES: &[Example] = &[
    Example::new(&[Input::Floats(&[1, 3, 4, 5]), Input::Positive(&[1, 3, 4, 5])], &[]),
    Example::new(&[Input::Positive(&[2, 1, 4]), Input::Positive(&[3, 1])], &[]),
];

/// Examples of operators with any number of inputs.
const MANY_EXAMPLES: &[Example] =
    &[EXAMPLES[0], EXAMPLES[1], Example::new(&[Input::Floats(&[1, 3, 4, 5])], &[])];

/// The operator that applies `O` to two tensors.
pub(crate) const fn two<O: Operation>(name: &'static str, summary: &'static str) -> Operator {
    Operator {
        examples: EXAMPLES,
        upgrade: upgrade::broadcast,
        broadcasts: true,
        ..Operator::new(name, summary, infer_two, evaluate_two::<O>)
    }
}

/// The operator that applies `O` to any number of tensors, from the first to the last.
pub(crate) const fn many<O: Operation>(name: &'static str, summary: &'static str) -> Operator {
    Operator {
        examples: MANY_EXAMPLES,
        broadcasts: true,
        copies: |node| node.inputs.len() == 1,
        ..Operator::new(name, summary, infer, evaluate::<O>)
    }
}

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

/// Whether numbers can be divided by all of `b`: integers not by zero.
pub(crate) fn divides<T: Number>(b: &[T]) -> bool {
    !T::IS_INTEGER || b.iter().all(|&b| b != T::default())
}

/// Defines the [`Operation`] `$name`, which computes `$result` of the numbers `$a` and `$b`.
macro_rules! operation {
    ($name:ident, |$a:ident, $b:ident| $result:expr) => {
        pub(crate) struct $name;

        impl $crate::ops::shared::binary::Operation for $name {
            fn apply<T: $crate::ops::shared::number::Number>($a: T, $b: T) -> T {
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

/// From the first input to the last.
pub(crate) fn evaluate<O: Operation>(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
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
            zipped(args, left, a, right, O::apply)
        }
        by_number_of!(
            left,
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
