//! Shared by `Concat` and `QLinearConcat`.

use super::arguments::Arguments;
use super::by_element::by_element;
use super::indexing::axis_of;
use crate::{Element, Error, Node, Tensor};

/// Concatenates the inputs along the axis.
pub(crate) fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn parts<T: Element>(args: &Arguments<'_>, _first: &[T]) -> Result<Vec<Tensor>, Error> {
        let inputs = args.all()?;
        let axis = axis(args.node(), inputs[0].rank())?;
        let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape()).collect();
        let shape = joined(args.node(), &shapes, axis)?;
        let count = args.count(&shape)?;
        if count == 0 {
            return Ok(vec![Tensor::new(shape, T::wrap(Vec::new()))?]);
        }
        let mut result: Vec<T> = Vec::with_capacity(count);
        let runs = args.count(&shape[..axis])?;
        for run in 0..runs {
            for input in &inputs {
                let len = input.len() / runs;
                result.extend_from_slice(&input.values::<T>()?[run * len..][..len]);
            }
        }
        Ok(vec![Tensor::new(shape, T::wrap(result))?])
    }
    by_element!(args, args.all()?[0], parts)
}

/// The axis along which tensors of `rank` are joined.
pub(crate) fn axis(node: &Node, rank: usize) -> Result<usize, Error> {
    let axis = node.optional_int("axis")?.ok_or_else(|| Error::attribute(node, "axis", "is missing"))?;
    axis_of(node, axis, rank)
}

/// The shape of tensors of `shapes` joined along `axis`.
pub(crate) fn joined(node: &Node, shapes: &[&[usize]], axis: usize) -> Result<Vec<usize>, Error> {
    let mut shape = shapes.first().ok_or_else(|| Error::node(node, "has no inputs"))?.to_vec();
    for (index, next) in shapes.iter().enumerate().skip(1) {
        let fits = next.len() == shape.len()
            && next.iter().zip(&shape).enumerate().all(|(at, (a, b))| at == axis || a == b);
        if !fits {
            return Err(Error::node(
                node,
                format!("part {index} of shape {next:?} does not follow {:?} along axis {axis}", shapes[0]),
            ));
        }
        shape[axis] = shape[axis].checked_add(next[axis]).ok_or_else(|| Error::node(node, "too large"))?;
    }
    Ok(shape)
}
