//! `ReduceMean`.

use super::eight_bit::{Compute, EightBit};
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::qlinear_reduce_mean;
use super::shared::operands::Operands;
use super::shared::pool;
use super::shared::quantized_value::QuantizedValue;
use super::shared::reduction::{self, over_pixels};
use super::shared::values::Values;
use crate::exec::float;
use crate::{Attribute, Error, Node, Tensor};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[1, 3, 4, 5]), Input::Integers(&[-1, 2])], &[]),
        Example::new(
            &[Input::Floats(&[1, 3, 4, 5])],
            &[("axes", Value::Ints(&[2, 3])), ("keepdims", Value::Int(0))],
        ),
        Example::new(&[Input::Floats(&[2, 3, 4]), Input::Integers(&[0])], &[]),
    ],
    eight_bit: EightBit::Compute(Compute { data_inputs: 1, weight_axis: None, why_float, on_bytes }),
    lower: |builder, node| {
        let axes = axes(node, |name| builder.constant(name))?;
        match axes.as_deref() {
            Some(axes) if over_pixels(axes) => float::lower::mean_over_pixels(builder, node),
            Some(axes) => float::normalize::means(builder, node, axes),
            None => Ok(false),
        }
    },
    ..reduction::operator("ReduceMean", "the mean along axes", reduction::mean)
};

/// The axes of a node, from a constant or an attribute; `None` if from neither.
pub(crate) fn axes<'t>(
    node: &Node,
    constant: impl Fn(&str) -> Option<&'t Tensor>,
) -> Result<Option<Vec<i64>>, Error> {
    let Some(input) = node.input(1) else { return Ok(node.ints("axes")?.map(<[i64]>::to_vec)) };
    constant(input)
        .map(|axes| axes.as_i64().map(<[i64]>::to_vec))
        .transpose()
        .map_err(|error| error.in_node(node))
}

fn why_float(node: &Node, values: &Values<'_>) -> Result<Option<String>, Error> {
    let axes = axes(node, |name| values.constant(name))?;
    let fits = axes.as_deref().is_some_and(over_pixels);
    Ok((!fits).then(|| "it reduces other axes than the spatial ones of an NCHW tensor".to_owned()))
}

/// Converts to an operator that has axes, too, because the tensor may turn out not to be an image.
fn on_bytes(
    node: &Node,
    operands: &mut Operands,
    to: Option<&QuantizedValue>,
) -> Result<Option<Node>, Error> {
    if to.is_none() {
        return Ok(None);
    }
    let Some(axes) = axes(node, |name| operands.constant(name))?.filter(|axes| over_pixels(axes)) else {
        return Ok(None);
    };
    let fused = pool::on_bytes(&qlinear_reduce_mean::OP, node, operands, to)?;
    Ok(fused.map(|mut fused| {
        fused.attributes.insert("axes".to_owned(), Attribute::Ints(axes));
        fused
    }))
}
