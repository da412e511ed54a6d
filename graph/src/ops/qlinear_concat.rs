//! `QLinearConcat`. Inputs: scale and zero point of the output, then x, scale, zero point of each part.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::indexing::axis_of;
use super::shared::inputs::Inputs;
use super::shared::{concat, qlinear};
use crate::exec::integer;
use crate::{Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[Example::new(
        &[
            Input::Scale(0.05, 100),
            Input::Quantized(&[1, 3, 4, 5], 0.05, 100),
            Input::Quantized(&[1, 2, 4, 5], 0.03, 7),
        ],
        &[("axis", Value::Int(1))],
    )],
    lower: integer::concat::concat,
    column_slices: Some(integer::concat::column_slices),
    output_type: |_, inputs| inputs.get(1).copied().flatten(),
    ..qlinear::operator("QLinearConcat", "Concat on bytes", infer, evaluate)
};

/// The indices of the parts among the inputs.
pub(crate) fn parts(node: &Node) -> Result<impl Iterator<Item = usize> + Clone + use<>, Error> {
    let count = node.inputs.len().saturating_sub(2);
    if count == 0 || !count.is_multiple_of(3) {
        return Err(Error::node(node, "the parts need a value, a scale and a zero point each"));
    }
    Ok((2..node.inputs.len()).step_by(3))
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let node = inputs.node;
    let shapes: Vec<&[usize]> = parts(node)?.map(|part| inputs.shape(part)).collect::<Result<_, _>>()?;
    let axis = axis_of(node, node.int("axis", 1)?, shapes[0].len())?;
    inputs.like(1, concat::joined(node, &shapes, axis)?)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let parts: Vec<Tensor> =
        parts(args.node())?.map(|part| qlinear::real(args, part, 1)).collect::<Result<_, _>>()?;
    let parts: Vec<Option<&Tensor>> = parts.iter().map(Some).collect();
    let y = qlinear::float(args, concat::evaluate, &parts)?;
    Ok(vec![qlinear::bytes(args, &y, 0)?])
}
