//! `Shape`: the dimensions from `start` to `end`.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::inputs::Inputs;
use crate::{DataType, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[2, 3, 4])], &[]),
        Example::new(&[Input::Floats(&[2, 3, 4])], &[("start", Value::Int(-2)), ("end", Value::Int(9))]),
    ],
    output_type: |_, _| Some(DataType::I64),
    from_types: Some(|inputs: &Inputs<'_>| Ok(vec![dimensions(inputs.node, inputs.shape(0)?)?])),
    ..Operator::new("Shape", "the dimensions of the input", infer, |args| {
        Ok(vec![dimensions(args.node(), args.tensor(0)?.shape())?])
    })
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    Ok(vec![TensorType::of(&dimensions(inputs.node, inputs.shape(0)?)?)])
}

fn dimensions(node: &Node, shape: &[usize]) -> Result<Tensor, Error> {
    let rank = shape.len() as i64;
    let bound = |value: i64| {
        let from_start = if value < 0 { value.saturating_add(rank) } else { value };
        from_start.clamp(0, rank) as usize
    };
    let (start, end) = (bound(node.int("start", 0)?), bound(node.int("end", rank)?));
    let dimensions = shape.get(start..end).unwrap_or_default();
    Ok(Tensor::vector(dimensions.iter().map(|&size| size as i64).collect::<Vec<_>>()))
}
