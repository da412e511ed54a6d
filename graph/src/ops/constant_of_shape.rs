//! `ConstantOfShape`: one repeated element, by default a float zero.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_element;
use super::shared::inputs::Inputs;
use crate::{DataType, Element, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 9,
    examples: &[
        Example::new(&[Input::Integers(&[2, 3])], &[]),
        Example::new(&[Input::Integers(&[4])], &[("value", Value::Tensor(1.5))]),
    ],
    output_type: |node, _| data_type(node).ok(),
    ..Operator::new("ConstantOfShape", "one element, repeated to a shape", infer, evaluate)
};

fn data_type(node: &Node) -> Result<DataType, Error> {
    Ok(node.tensor("value")?.map_or(DataType::F32, Tensor::data_type))
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let wanted = inputs.integers(0)?.ok_or_else(|| inputs.error("input 0, the shape, is missing"))?;
    Ok(vec![TensorType::new(data_type(inputs.node)?, shape(inputs.node, wanted)?)])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn repeated<T: Element>(args: &Arguments<'_>, value: &[T]) -> Result<Vec<Tensor>, Error> {
        let &[value] = value else {
            return Err(Error::attribute(args.node(), "value", "must be a single element"));
        };
        let shape = shape(args.node(), args.values::<i64>(0)?)?;
        let count = args.count(&shape)?;
        Ok(vec![Tensor::new(shape, T::wrap(vec![value; count]))?])
    }
    match args.node().tensor("value")? {
        None => repeated(args, &[0.0f32]),
        Some(value) => by_element!(args, value, repeated),
    }
}

fn shape(node: &Node, wanted: &[i64]) -> Result<Vec<usize>, Error> {
    let sizes: Option<Vec<usize>> = wanted.iter().map(|&size| usize::try_from(size).ok()).collect();
    sizes.ok_or_else(|| Error::node(node, format!("{wanted:?} is not a shape")))
}
