//! `QLinearGlobalAveragePool`. Inputs: x, scale, zero point, scale and zero point of the output.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::inputs::Inputs;
use super::shared::{pool, qlinear};
use crate::exec::integer;
use crate::{Error, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[Example::new(&[Input::Quantized(&[1, 3, 5, 6], 0.05, 100), Input::Scale(0.03, 90)], &[])],
    lower: integer::pool::global_average,
    ..qlinear::operator("QLinearGlobalAveragePool", "GlobalAveragePool on bytes", infer, |args| {
        pool::of_bytes(args, pool::global_average)
    })
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    inputs.like(4, pool::infer_global(inputs)?.shape)
}
