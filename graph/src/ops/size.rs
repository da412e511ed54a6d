//! `Size`: the number of elements.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::inputs::Inputs;
use crate::{DataType, Error, Tensor, TensorType, element_count};

pub(crate) static OP: Operator = Operator {
    examples: &[Example::new(&[Input::Floats(&[2, 3, 4])], &[])],
    output_type: |_, _| Some(DataType::I64),
    from_types: Some(|inputs: &Inputs<'_>| Ok(vec![count(inputs.shape(0)?)?])),
    ..Operator::new(
        "Size",
        "the number of elements",
        |_| Ok(vec![TensorType::new(DataType::I64, [])]),
        |args| Ok(vec![count(args.tensor(0)?.shape())?]),
    )
};

fn count(shape: &[usize]) -> Result<Tensor, Error> {
    Ok(Tensor::scalar(element_count(shape)? as i64))
}
