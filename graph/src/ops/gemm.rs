//! `Gemm`: `alpha · A·B + beta · C`, the factors optionally transposed, C broadcast.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::qgemm;
use super::shared::bias::Sums;
use super::shared::inputs::Inputs;
use super::shared::operands::Operands;
use super::shared::product;
use super::shared::qlinear;
use super::shared::quantized_value::QuantizedValue;
use super::shared::values::Values;
use super::shared::{upgrade, weights};
use crate::exec::float;
use crate::{Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(
            &[Input::Floats(&[3, 4]), Input::Weights(&[5, 4]), Input::Weights(&[5])],
            &[("transB", Value::Int(1)), ("alpha", Value::Float(0.5)), ("beta", Value::Float(2.0))],
        ),
        Example::new(
            &[Input::Floats(&[4, 3]), Input::Weights(&[4, 5]), Input::Weights(&[3, 1])],
            &[("transA", Value::Int(1))],
        ),
    ],
    eight_bit: weights::eight_bit(weight_axis, why_float, on_bytes),
    multiplies: true,
    reads: product::depth,
    lower: float::lower::gemm,
    upgrade: upgrade::broadcast,
    ..Operator::new("Gemm", "alpha · A·B + beta · C", infer, product::gemm)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let a = inputs.get(0)?;
    let [m, _, n] = product::matrices(inputs.node, &a.shape, inputs.shape(1)?)?;
    if let Some(c) = inputs.optional(2) {
        product::check_bias(inputs.node, &c.shape, [m, n])?;
    }
    Ok(vec![TensorType::new(a.data_type, [m, n])])
}

fn weight_axis(node: &Node) -> Result<usize, Error> {
    Ok(if node.flag("transB", false)? { 0 } else { 1 })
}

fn why_float(node: &Node, values: &Values<'_>) -> Result<Option<String>, Error> {
    if node.flag("transA", false)? {
        return Ok(Some("transA is set: the depth of its input is not contiguous".to_owned()));
    }
    weights::why_float(node, values, weight_axis(node)?, true)
}

/// Without `to`, the output is float.
fn on_bytes(
    node: &Node,
    operands: &mut Operands,
    to: Option<&QuantizedValue>,
) -> Result<Option<Node>, Error> {
    let Some([a, b]) = qlinear::factors(node, operands)? else { return Ok(None) };
    let columns = i64::from(!node.flag("transB", false)?);
    let by_column = b.scales.len() == 1 || b.axis == columns || b.axis == columns - 2;
    let step = node.float("alpha", 1.0)? * a.scales[0];
    if !by_column || step < f32::MIN_POSITIVE || !qlinear::product_multipliers_exist(step, &b.scales, to) {
        return Ok(None);
    }
    let Some(shape) = operands.constant(b.value()).map(Tensor::shape) else { return Ok(None) };
    let Some(&channels) = shape.get(columns as usize) else { return Ok(None) };
    let sums = Sums { step, scales: &b.scales, factor: node.float("beta", 1.0)?, channels, to };
    let Some(bias) = operands.bias(node.input(2), &sums)? else { return Ok(None) };
    let mut inputs: Vec<String> = [&a, &b].into_iter().flat_map(qlinear::operand).collect();
    inputs.push(bias.unwrap_or_default());
    inputs.extend(qlinear::output(to));
    let mut fused = qlinear::node(&qgemm::OP, inputs, node);
    fused.attributes.remove("beta");
    Ok(Some(fused))
}
