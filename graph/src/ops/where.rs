//! `Where`: the elements of one tensor where a condition holds, those of another elsewhere; all three broadcast.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::binary::broadcast_of;
use super::shared::by_element::by_element;
use super::shared::indexing::{Offsets, broadcast_strides};
use super::shared::inputs::Inputs;
use crate::{Element, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 9,
    examples: &[
        Example::new(&[Input::Booleans(&[3, 1, 5]), Input::Floats(&[1, 3, 4, 5]), Input::Float(0.0)], &[]),
        Example::new(&[Input::Booleans(&[4]), Input::Bytes(&[2, 4]), Input::Bytes(&[1, 1])], &[]),
    ],
    output_type: |_, inputs| inputs.get(1).copied().flatten(),
    ..Operator::new("Where", "a where the condition holds, b elsewhere", infer, evaluate)
};

fn shape(node: &Node, [condition, a, b]: [&[usize]; 3]) -> Result<Vec<usize>, Error> {
    broadcast_of(node, &broadcast_of(node, condition, a)?, b)
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let (a, b) = (inputs.get(1)?, inputs.get(2)?);
    if a.data_type != b.data_type {
        return Err(inputs.error(format!("inputs of types {} and {}", a.data_type, b.data_type)));
    }
    inputs.like(1, shape(inputs.node, [inputs.shape(0)?, &a.shape, &b.shape])?)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn selected<T: Element>(args: &Arguments<'_>, a: &[T]) -> Result<Vec<Tensor>, Error> {
        let (condition, b) = (args.values::<bool>(0)?, args.values::<T>(2)?);
        let shapes = [args.tensor(0)?.shape(), args.tensor(1)?.shape(), args.tensor(2)?.shape()];
        let shape = shape(args.node(), shapes)?;
        args.count(&shape)?;
        let [conditions, left, right] =
            shapes.map(|own| Offsets::new(&shape, &broadcast_strides(own, &shape)));
        let elements =
            conditions.zip(left).zip(right).map(|((c, i), j)| if condition[c] { a[i] } else { b[j] });
        Ok(vec![Tensor::new(shape.as_slice(), T::wrap(elements.collect()))?])
    }
    by_element!(args, args.tensor(1)?, selected)
}
