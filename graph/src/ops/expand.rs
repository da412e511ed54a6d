//! `Expand`: the input and a shape, broadcast to each other.

use super::eight_bit::EightBit;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::binary::broadcast_of;
use super::shared::by_element::by_element;
use super::shared::indexing::{Offsets, broadcast_strides};
use super::shared::inputs::Inputs;
use crate::{Element, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 8,
    examples: &[
        Example::new(&[Input::Floats(&[3, 1]), Input::Integers(&[2, 1, 4])], &[]),
        Example::new(&[Input::Bytes(&[2, 3]), Input::Integers(&[1])], &[]),
    ],
    eight_bit: EightBit::MOVE,
    ..Operator::new("Expand", "the input, repeated along axes of size 1", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    let wanted = inputs.integers(1)?.ok_or_else(|| inputs.error("input 1, the shape, is missing"))?;
    Ok(vec![TensorType::new(x.data_type, shape(inputs.node, &x.shape, wanted)?)])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn repeated<T: Element>(args: &Arguments<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
        let from = args.tensor(0)?.shape();
        let shape = shape(args.node(), from, args.values::<i64>(1)?)?;
        args.count(&shape)?;
        let elements = Offsets::new(&shape, &broadcast_strides(from, &shape)).map(|at| x[at]).collect();
        Ok(vec![Tensor::new(shape, T::wrap(elements))?])
    }
    by_element!(args, args.tensor(0)?, repeated)
}

fn shape(node: &Node, from: &[usize], wanted: &[i64]) -> Result<Vec<usize>, Error> {
    let sizes: Option<Vec<usize>> = wanted.iter().map(|&size| usize::try_from(size).ok()).collect();
    let sizes = sizes.ok_or_else(|| Error::node(node, format!("{wanted:?} is not a shape")))?;
    broadcast_of(node, from, &sizes)
}
