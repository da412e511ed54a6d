//! `ConvTranspose`: every input element adds a kernel, multiplied by it, to the output. Activations NCHW, weights IOHW, any number of
//! spatial axes.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::qlinear_conv_transpose;
use super::shared::arguments::Arguments;
use super::shared::bias::Sums;
use super::shared::convolution::check_bias;
use super::shared::inputs::Inputs;
use super::shared::operands::Operands;
use super::shared::quantized_value::QuantizedValue;
use super::shared::transposed::{self, Geometry};
use super::shared::values::Values;
use super::shared::{qlinear, weights};
use crate::exec::float;
use crate::{Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(
            &[Input::Floats(&[1, 3, 4, 5]), Input::Weights(&[3, 2, 3, 2]), Input::Weights(&[2])],
            &[("pads", Value::Ints(&[1, 0, 1, 1])), ("strides", Value::Ints(&[2, 1]))],
        ),
        Example::new(
            &[Input::Floats(&[2, 4, 3, 3]), Input::Weights(&[4, 1, 3, 3])],
            &[
                ("group", Value::Int(2)),
                ("strides", Value::Ints(&[3, 2])),
                ("dilations", Value::Ints(&[1, 2])),
                ("output_padding", Value::Ints(&[1, 0])),
            ],
        ),
        Example::new(
            &[Input::Floats(&[1, 2, 4]), Input::Weights(&[2, 3, 4])],
            &[("auto_pad", Value::Text("SAME_UPPER")), ("strides", Value::Ints(&[2]))],
        ),
    ],
    eight_bit: weights::eight_bit(|_| Ok(1), why_float, on_bytes),
    multiplies: true,
    reads: |inputs| transposed::reads(inputs, 1),
    lower: float::conv_transpose::lower,
    ..Operator::new("ConvTranspose", "a transposed convolution, with groups and dilations", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    inputs.like(0, transposed::infer(inputs, 0, 1, 2)?)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let geometry = Geometry::new(args.node(), args.tensor(0)?.shape(), args.tensor(1)?.shape())?;
    let (x, w) = (args.values::<f32>(0)?, args.values::<f32>(1)?);
    let bias = args.optional(2).map(Tensor::as_f32).transpose()?;
    let channels = geometry.out_channels();
    check_bias(args, bias.map(<[f32]>::len), channels)?;
    let shape = geometry.output();
    let mut y = vec![0.0f64; args.count(&shape)?];
    geometry.visit(|_, [to, i, j]| y[to] += f64::from(x[i]) * f64::from(w[j]));
    let plane = shape[2..].iter().product::<usize>();
    let bias_of = |at: usize| bias.map_or(0.0, |bias| f64::from(bias[at / plane % channels]));
    let y: Vec<f32> = y.into_iter().enumerate().map(|(at, sum)| (sum + bias_of(at)) as f32).collect();
    Ok(vec![Tensor::new(shape, y)?])
}

/// The channels of the weights of several groups have no axis of their own.
fn why_float(node: &Node, values: &Values<'_>) -> Result<Option<String>, Error> {
    if node.int("group", 1)? != 1 {
        return Ok(Some("it has groups".to_owned()));
    }
    weights::why_float(node, values, 1, false)
}

fn on_bytes(
    node: &Node,
    operands: &mut Operands,
    to: Option<&QuantizedValue>,
) -> Result<Option<Node>, Error> {
    let Some([x, w]) = qlinear::factors(node, operands)? else { return Ok(None) };
    let by_channel = w.scales.len() == 1 || w.axis == 1;
    let Some(&[_, channels, ..]) = operands.constant(w.value()).map(Tensor::shape) else { return Ok(None) };
    let is_supported = by_channel && node.int("group", 1)? == 1 && to.is_some();
    if !is_supported || !qlinear::product_multipliers_exist(x.scales[0], &w.scales, to) {
        return Ok(None);
    }
    if node.input(2).is_some_and(|name| operands.shape_of(name).is_none_or(|shape| *shape != [channels])) {
        return Ok(None);
    }
    let sums = Sums { step: x.scales[0], scales: &w.scales, factor: 1.0, channels, to };
    let Some(bias) = operands.bias(node.input(2), &sums)? else { return Ok(None) };
    let inputs =
        [&x, &w].into_iter().flat_map(qlinear::operand).chain(qlinear::output(to)).chain(bias).collect();
    Ok(Some(qlinear::node(&qlinear_conv_transpose::OP, inputs, node)))
}
