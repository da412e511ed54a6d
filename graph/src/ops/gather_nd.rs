//! `GatherND`: slices of the first input at tuples of indices.

use super::eight_bit::EightBit;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_element;
use super::shared::inputs::Inputs;
use super::shared::tuples::Tuples;
use crate::{Element, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 11,
    examples: &[
        Example::new(&[Input::Floats(&[3, 4, 2]), Input::Integers(&[2, -4])], &[]),
        Example::new(&[Input::Bytes(&[3, 4]), Input::Integers(&[1])], &[]),
    ],
    eight_bit: EightBit::MOVE,
    ..Operator::new("GatherND", "slices at tuples of indices", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let (_, shape) = tuples(inputs.node, inputs.shape(0)?, inputs.shape(1)?)?;
    inputs.like(0, shape)
}

/// The tuples, and the shape of the output.
fn tuples(node: &Node, data: &[usize], indices: &[usize]) -> Result<(Tuples, Vec<usize>), Error> {
    let batch = node.int("batch_dims", 0)?;
    let batch = usize::try_from(batch)
        .map_err(|_| Error::attribute(node, "batch_dims", format!("{batch} is negative")))?;
    let tuples = Tuples::new(node, data, indices, batch)?;
    let shape = [&indices[..indices.len() - 1], &tuples.slice].concat();
    Ok((tuples, shape))
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn gathered<T: Element>(args: &Arguments<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
        let (tuples, shape) = tuples(args.node(), args.tensor(0)?.shape(), args.tensor(1)?.shape())?;
        let mut gathered = Vec::with_capacity(args.count(&shape)?);
        let run = args.count(&tuples.slice)?;
        for at in tuples.offsets(args, 1)? {
            gathered.extend_from_slice(&x[at..at + run]);
        }
        Ok(vec![Tensor::new(shape, T::wrap(gathered))?])
    }
    by_element!(args, args.tensor(0)?, gathered)
}
