//! `Gather`: slices of the first input along `axis`, in the order and shape of the indices.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_element;
use super::shared::inputs::Inputs;
use crate::{Element, Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[3, 4, 2]), Input::Integers(&[2, -4, 0])], &[("axis", Value::Int(1))]),
        Example::new(&[Input::Bytes(&[3, 4]), Input::Integers(&[1])], &[]),
    ],
    ..Operator::new("Gather", "slices along an axis, by their indices", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let (data, indices) = (inputs.get(0)?, inputs.shape(1)?);
    let axis = inputs.axis(inputs.node.int("axis", 0)?, data.shape.len())?;
    let shape = [&data.shape[..axis], indices, &data.shape[axis + 1..]].concat();
    Ok(vec![TensorType::new(data.data_type, shape)])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn gathered<T: Element>(args: &Arguments<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
        let (dims, indices) = (args.tensor(0)?.shape(), args.tensor(1)?);
        let axis = args.axis(args.node().int("axis", 0)?, dims.len())?;
        let at: Vec<usize> =
            args.integers(1)?.into_iter().map(|at| args.index(at, dims[axis])).collect::<Result<_, _>>()?;
        let shape = [&dims[..axis], indices.shape(), &dims[axis + 1..]].concat();
        let count = args.count(&shape)?;
        if count == 0 {
            return Ok(vec![Tensor::new(shape, T::wrap(Vec::new()))?]);
        }
        let mut result = Vec::with_capacity(count);
        let run = args.count(&dims[axis + 1..])?;
        for outer in 0..args.count(&dims[..axis])? {
            for &at in &at {
                result.extend_from_slice(&x[(outer * dims[axis] + at) * run..][..run]);
            }
        }
        Ok(vec![Tensor::new(shape, T::wrap(result))?])
    }
    by_element!(args, args.tensor(0)?, gathered)
}
