//! `Tile`: the input, repeated along each axis.

use super::eight_bit::EightBit;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_element;
use super::shared::indexing::{Offsets, strides};
use super::shared::inputs::Inputs;
use crate::{Element, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 6,
    examples: &[
        Example::new(&[Input::Floats(&[1, 2, 3]), Input::Integers(&[2, 1, 3])], &[]),
        Example::new(&[Input::Bytes(&[2, 3]), Input::Integers(&[0, 2])], &[]),
    ],
    eight_bit: EightBit::MOVE,
    ..Operator::new("Tile", "the input, repeated along each axis", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.shape(0)?;
    let repeats = inputs.integers(1)?.ok_or_else(|| inputs.error("input 1, the repeats, is missing"))?;
    let pairs = pairs(inputs.node, x, repeats)?;
    inputs.like(0, shape(inputs.node, &pairs)?)
}

/// The number of repeats and the size of each axis.
fn pairs(node: &Node, x: &[usize], repeats: &[i64]) -> Result<Vec<[usize; 2]>, Error> {
    if repeats.len() != x.len() {
        return Err(Error::node(node, format!("{} repeats for an input of shape {x:?}", repeats.len())));
    }
    let pair = |(&size, &repeats): (&usize, &i64)| Some([usize::try_from(repeats).ok()?, size]);
    let pairs: Option<Vec<_>> = x.iter().zip(repeats).map(pair).collect();
    pairs.ok_or_else(|| Error::node(node, format!("{repeats:?} are not numbers of repeats")))
}

fn shape(node: &Node, pairs: &[[usize; 2]]) -> Result<Vec<usize>, Error> {
    let shape: Option<Vec<usize>> = pairs.iter().map(|[repeats, size]| repeats.checked_mul(*size)).collect();
    shape.ok_or_else(|| Error::node(node, "an output that is too large"))
}

/// An axis that is repeated is two axes of the output: one along which nothing changes, and the input's.
fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn repeated<T: Element>(args: &Arguments<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
        let from = args.tensor(0)?.shape();
        let pairs = pairs(args.node(), from, args.values::<i64>(1)?)?;
        let shape = shape(args.node(), &pairs)?;
        args.count(&shape)?;
        let steps: Vec<usize> = strides(from).into_iter().flat_map(|stride| [0, stride]).collect();
        let elements = Offsets::new(pairs.as_flattened(), &steps).map(|at| x[at]).collect();
        Ok(vec![Tensor::new(shape, T::wrap(elements))?])
    }
    by_element!(args, args.tensor(0)?, repeated)
}
