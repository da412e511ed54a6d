//! `CenterCropPad`: the middle of the input along axes that are too long, and zeros on both sides of those that are too short.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::axes;
use super::shared::by_element::by_element;
use super::shared::indexing::{Offsets, axis_of, strides};
use super::shared::inputs::Inputs;
use crate::{Element, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 18,
    examples: &[
        Example::new(&[Input::Floats(&[5, 4]), Input::Integers(&[2, 7])], &[]),
        Example::new(&[Input::Bytes(&[3, 4]), Input::Integers(&[1])], &[("axes", Value::Ints(&[-1]))]),
    ],
    ..Operator::new("CenterCropPad", "the middle of the input, or the input between zeros", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let from = inputs.shape(0)?;
    let sizes = inputs.integers(1)?.ok_or_else(|| inputs.error("input 1, the shape, is missing"))?;
    inputs.like(0, shape(inputs.node, from, sizes)?)
}

fn shape(node: &Node, from: &[usize], sizes: &[i64]) -> Result<Vec<usize>, Error> {
    let axes = match node.ints("axes")? {
        None => (0..from.len() as i64).collect(),
        Some(axes) => axes.to_vec(),
    };
    axes::named(node, &axes, from.len())?;
    if axes.len() != sizes.len() {
        return Err(Error::node(node, format!("{} sizes for {} axes", sizes.len(), axes.len())));
    }
    let mut shape = from.to_vec();
    for (&axis, &size) in axes.iter().zip(sizes) {
        shape[axis_of(node, axis, from.len())?] =
            usize::try_from(size).map_err(|_| Error::node(node, format!("a size of {size}")))?;
    }
    Ok(shape)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn centered<T: Element>(args: &Arguments<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
        let from = args.tensor(0)?.shape();
        let to = shape(args.node(), from, &args.integers(1)?)?;
        let mut y = vec![T::default(); args.count(&to)?];
        let common: Vec<usize> = from.iter().zip(&to).map(|(&from, &to)| from.min(to)).collect();
        // An odd element is cut or added at the end.
        let offsets = |shape: &[usize]| {
            let strides = strides(shape);
            let halves = shape.iter().zip(&common).map(|(size, common)| (size - common) / 2);
            let first: usize = halves.zip(&strides).map(|(half, stride)| half * stride).sum();
            Offsets::new(&common, &strides).map(move |at| first + at)
        };
        for (to, from) in offsets(&to).zip(offsets(from)) {
            y[to] = x[from];
        }
        Ok(vec![Tensor::new(to, T::wrap(y))?])
    }
    by_element!(args, args.tensor(0)?, centered)
}
