//! Functions of the elements of two tensors, broadcast to a common shape.

use super::arguments::Arguments;
use super::binary::broadcast_of;
use super::indexing::{Offsets, broadcast_strides};
use super::inputs::Inputs;
use crate::{DataType, Element, Error, Tensor, TensorType};

/// The type of an output of `data_type` for exactly two inputs of one type.
pub(crate) fn infer(inputs: &Inputs<'_>, data_type: DataType) -> Result<Vec<TensorType>, Error> {
    let (a, b) = (inputs.get(0)?, inputs.get(1)?);
    if inputs.len() != 2 {
        return Err(inputs.error(format!("needs 2 inputs, has {}", inputs.len())));
    }
    if a.data_type != b.data_type {
        return Err(inputs.error(format!("inputs of types {} and {}", a.data_type, b.data_type)));
    }
    Ok(vec![TensorType::new(data_type, broadcast_of(inputs.node, &a.shape, &b.shape)?)])
}

/// `function(a, b)` of the elements `a` of `left` and those of `right`, which are of the same type.
pub(crate) fn zipped<T: Element, R: Element>(
    args: &Arguments<'_>,
    left: &Tensor,
    a: &[T],
    right: &Tensor,
    function: impl Fn(T, T) -> R,
) -> Result<Tensor, Error> {
    let b: &[T] = right.values()?;
    let shape = broadcast_of(args.node(), left.shape(), right.shape())?;
    args.count(&shape)?;
    let offsets = |of: &Tensor| Offsets::new(&shape, &broadcast_strides(of.shape(), &shape));
    let result = offsets(left).zip(offsets(right)).map(|(i, j)| function(a[i], b[j])).collect();
    Tensor::new(shape, R::wrap(result))
}
