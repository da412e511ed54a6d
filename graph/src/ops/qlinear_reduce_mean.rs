//! `QLinearReduceMean`. Inputs: x, scale, zero point, scale and zero point of the output.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::inputs::Inputs;
use super::shared::{pool, qlinear, reduction};
use crate::exec::integer;
use crate::{Error, TensorType};

const INPUTS: &[Input] = &[Input::Quantized(&[1, 3, 4, 5], 0.05, 100), Input::Scale(0.03, 90)];

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(INPUTS, &[("axes", Value::Ints(&[2, 3]))]),
        Example::new(INPUTS, &[("axes", Value::Ints(&[-1, -2])), ("keepdims", Value::Int(0))]),
        Example::new(INPUTS, &[("axes", Value::Ints(&[1]))]),
    ],
    lower: |builder, node| {
        if !node.ints("axes")?.is_some_and(reduction::over_pixels) {
            return Ok(false);
        }
        integer::pool::mean_over_pixels(builder, node)
    },
    ..qlinear::operator("QLinearReduceMean", "ReduceMean on bytes", infer, |args| {
        pool::of_bytes(args, reduction::mean)
    })
};

/// The axes are an attribute.
fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let data_type = inputs.get(4)?.data_type;
    let axes = inputs.node.ints("axes")?;
    Ok(vec![TensorType::new(data_type, reduction::reduced_shape(inputs.node, inputs.shape(0)?, axes)?)])
}
