//! `Conv`: activations NCHW, weights OIHW, any number of spatial axes.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::qlinear_conv;
use super::shared::arguments::Arguments;
use super::shared::bias::Sums;
use super::shared::convolution::{self, Geometry, check_bias};
use super::shared::inputs::Inputs;
use super::shared::operands::Operands;
use super::shared::qlinear;
use super::shared::quantized_value::QuantizedValue;
use super::shared::weights;
use crate::exec::float;
use crate::{Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(
            &[Input::Floats(&[1, 3, 7, 6]), Input::Weights(&[4, 3, 3, 2]), Input::Weights(&[4])],
            &[("pads", Value::Ints(&[1, 0, 1, 1])), ("strides", Value::Ints(&[2, 1]))],
        ),
        Example::new(
            &[Input::Floats(&[1, 4, 5, 5]), Input::Weights(&[4, 1, 3, 3])],
            &[("group", Value::Int(4))],
        ),
        Example::new(&[Input::Floats(&[1, 2, 9]), Input::Weights(&[3, 2, 4])], &[]),
        Example::new(
            &[Input::Floats(&[2, 4, 11]), Input::Weights(&[6, 2, 3]), Input::Weights(&[6])],
            &[
                ("group", Value::Int(2)),
                ("pads", Value::Ints(&[1, 2])),
                ("strides", Value::Ints(&[3])),
                ("dilations", Value::Ints(&[2])),
            ],
        ),
    ],
    eight_bit: weights::eight_bit(
        |_| Ok(0),
        |node, values| weights::why_float(node, values, 0, false),
        on_bytes,
    ),
    multiplies: true,
    reads: |inputs| convolution::depth(inputs, 1),
    lower: float::lower::convolution,
    ..Operator::new("Conv", "a convolution, with groups and dilations", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    inputs.like(0, convolution::infer(inputs, 0, 1, 2)?)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let geometry = Geometry::new(args.node(), args.tensor(0)?.shape(), args.tensor(1)?.shape())?;
    let (x, w) = (args.values::<f32>(0)?, args.values::<f32>(1)?);
    let bias = args.optional(2).map(Tensor::as_f32).transpose()?;
    check_bias(args, bias.map(<[f32]>::len), geometry.out_channels())?;
    let shape = geometry.output();
    let mut y = vec![0.0f32; args.count(&shape)?];
    geometry.visit(|at, channel, pairs| {
        let bias = bias.map_or(0.0, |bias| f64::from(bias[channel]));
        y[at] = pairs.fold(bias, |sum, (i, j)| sum + f64::from(x[i]) * f64::from(w[j])) as f32;
    });
    Ok(vec![Tensor::new(shape, y)?])
}

/// Without `to`, the output is float.
fn on_bytes(
    node: &Node,
    operands: &mut Operands,
    to: Option<&QuantizedValue>,
) -> Result<Option<Node>, Error> {
    let Some([x, w]) = qlinear::factors(node, operands)? else { return Ok(None) };
    let by_channel = w.scales.len() == 1 || w.axis == 0;
    let Some(&[channels, ..]) = operands.constant(w.value()).map(Tensor::shape) else { return Ok(None) };
    if !by_channel || !qlinear::product_multipliers_exist(x.scales[0], &w.scales, to) {
        return Ok(None);
    }
    // The standard defines only one bias per channel of a convolution.
    if node.input(2).is_some_and(|name| operands.shape_of(name).is_none_or(|shape| *shape != [channels])) {
        return Ok(None);
    }
    let sums = Sums { step: x.scales[0], scales: &w.scales, factor: 1.0, channels, to };
    let Some(bias) = operands.bias(node.input(2), &sums)? else { return Ok(None) };
    let inputs =
        [&x, &w].into_iter().flat_map(qlinear::operand).chain(qlinear::output(to)).chain(bias).collect();
    Ok(Some(qlinear::node(&qlinear_conv::OP, inputs, node)))
}
