//! `MaxUnpool`: the elements of a `MaxPool` at the places where it found them, zeros elsewhere. Places are those in the smallest tensor
//! that could have been pooled, which is at the beginning of a larger output.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_number;
use super::shared::indexing::{Offsets, strides};
use super::shared::inputs::Inputs;
use super::shared::window_sizes::{kernel_shape, sizes};
use crate::{Element, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 9,
    examples: &[
        Example::new(
            &[Input::Floats(&[1, 1, 2, 2]), Input::IntegersOf(&[1, 1, 2, 2], &[5, 7, 13, 15])],
            &[("kernel_shape", Value::Ints(&[2, 2])), ("strides", Value::Ints(&[2, 2]))],
        ),
        Example::new(
            &[Input::Bytes(&[1, 1, 2]), Input::IntegersOf(&[1, 1, 2], &[0, 3]), Input::Integers(&[1, 1, 6])],
            &[("kernel_shape", Value::Ints(&[2])), ("strides", Value::Ints(&[2]))],
        ),
    ],
    ..Operator::new("MaxUnpool", "the elements of a MaxPool at the places where they were", infer, evaluate)
};

/// The shape of the smallest tensor that was pooled.
fn pooled(node: &Node, x: &[usize], places: &[usize]) -> Result<Vec<usize>, Error> {
    let &[batch, channels, ref spatial @ ..] = x else {
        return Err(Error::node(node, format!("an input of shape {x:?}")));
    };
    if places != x {
        return Err(Error::node(node, format!("places of shape {places:?} for elements of shape {x:?}")));
    }
    let kernel = kernel_shape(node)?.ok_or_else(|| Error::attribute(node, "kernel_shape", "is missing"))?;
    let rank = spatial.len();
    if kernel.len() != rank {
        return Err(Error::attribute(
            node,
            "kernel_shape",
            format!("has {} sizes for {rank} axes", kernel.len()),
        ));
    }
    let (strides, pads) = (sizes(node, "strides", rank, 1)?, sizes(node, "pads", 2 * rank, 0)?);
    let side = |axis: usize| {
        let spread = spatial[axis].checked_sub(1)?.checked_mul(strides[axis])?.checked_add(kernel[axis])?;
        spread.checked_sub(pads[axis].checked_add(pads[axis + rank])?)
    };
    let sides = (0..rank).map(|axis| side(axis).ok_or_else(|| Error::node(node, "sizes that do not fit")));
    [Ok(batch), Ok(channels)].into_iter().chain(sides).collect()
}

/// The shape of the output: `wanted`, or that of what was pooled.
fn shape(node: &Node, from: &[usize], wanted: Option<&[i64]>) -> Result<Vec<usize>, Error> {
    let Some(wanted) = wanted else { return Ok(from.to_vec()) };
    let sizes: Option<Vec<usize>> = wanted.iter().map(|&size| usize::try_from(size).ok()).collect();
    let fits = |sizes: &Vec<usize>| sizes.len() == from.len() && sizes.iter().zip(from).all(|(a, b)| a >= b);
    sizes
        .filter(fits)
        .ok_or_else(|| Error::node(node, format!("{wanted:?} does not hold a tensor of {from:?}")))
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let from = pooled(inputs.node, inputs.shape(0)?, inputs.shape(1)?)?;
    inputs.like(0, shape(inputs.node, &from, inputs.integers(2)?)?)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn unpooled<T: Element>(args: &Arguments<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
        let from = pooled(args.node(), args.tensor(0)?.shape(), args.tensor(1)?.shape())?;
        let wanted = args.optional(2).map(Tensor::as_i64).transpose()?;
        let shape = shape(args.node(), &from, wanted)?;
        let mut y = vec![T::default(); args.count(&shape)?];
        let inner = args.count(&from)?;
        let places: Vec<usize> = Offsets::new(&from, &strides(&shape)).collect();
        for (&x, &at) in x.iter().zip(args.values::<i64>(1)?) {
            y[places[args.index(at, inner)?]] = x;
        }
        Ok(vec![Tensor::new(shape, T::wrap(y))?])
    }
    by_number!(args, args.tensor(0)?, unpooled)
}
