//! `OneHot`: a new axis of `depth` elements, of which the one at the index is the second of the values, and the others the first.
//! Negative indices count from the end; those out of range select none.

use super::cast;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_element;
use super::shared::indexing;
use super::shared::inputs::Inputs;
use crate::{DataType, Element, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 9,
    examples: &[
        Example::new(
            &[Input::Integers(&[2, -1, 7]), Input::Integers(&[4]), Input::FloatVector(&[0.0, 1.0])],
            &[],
        ),
        Example::new(
            &[Input::Bias(&[2, 3]), Input::Float(3.0), Input::FloatVector(&[-1.0, 1.0])],
            &[("axis", Value::Int(0))],
        ),
    ],
    output_type: |_, inputs| inputs.get(2).copied().flatten(),
    ..Operator::new(
        "OneHot",
        "a value at each index along a new axis, another one elsewhere",
        infer,
        evaluate,
    )
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let depth = inputs.value(1)?.ok_or_else(|| inputs.error("input 1, the depth, is missing"))?;
    let (_, shape) = shape(inputs.node, inputs.shape(0)?, depth)?;
    inputs.like(2, shape)
}

/// The new axis, and the shape with it.
fn shape(node: &Node, indices: &[usize], depth: &Tensor) -> Result<(usize, Vec<usize>), Error> {
    let wrong = || Error::node(node, "the depth must be a number that is not negative");
    let &[depth] = whole(depth)?.as_slice() else { return Err(wrong()) };
    let depth = usize::try_from(depth).map_err(|_| wrong())?;
    let axis = indexing::axis_of(node, node.int("axis", -1)?, indices.len() + 1)?;
    let mut shape = indices.to_vec();
    shape.insert(axis, depth);
    Ok((axis, shape))
}

/// The elements as integers; floats are cut.
fn whole(tensor: &Tensor) -> Result<Vec<i64>, Error> {
    cast::converted(tensor, DataType::I64)?.into_values()
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn marked<T: Element>(args: &Arguments<'_>, values: &[T]) -> Result<Vec<Tensor>, Error> {
        let &[off, on] = values else { return Err(args.error("needs two values, off and on")) };
        let indices = args.tensor(0)?;
        let (axis, shape) = shape(args.node(), indices.shape(), args.tensor(1)?)?;
        let mut y = vec![off; args.count(&shape)?];
        let (depth, inner) = (shape[axis], args.count(&shape[axis + 1..])?);
        for (at, index) in whole(indices)?.into_iter().enumerate() {
            if let Some(index) = indexing::axis(index, depth) {
                y[(at / inner * depth + index) * inner + at % inner] = on;
            }
        }
        Ok(vec![Tensor::new(shape, T::wrap(y))?])
    }
    by_element!(args, args.tensor(2)?, marked)
}
