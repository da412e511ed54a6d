//! `MatMul`, also of stacks of matrices and of vectors.

use super::eight_bit::{Compute, EightBit};
use super::example::{Example, Input};
use super::operator::Operator;
use super::qlinear_matmul;
use super::shared::arguments::Arguments;
use super::shared::bias::Sums;
use super::shared::operands::Operands;
use super::shared::product::{self, Product};
use super::shared::qlinear;
use super::shared::quantized_value::QuantizedValue;
use super::shared::values::Values;
use super::shared::weights;
use crate::exec::float;
use crate::{Error, Node, Tensor};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[2, 3, 4]), Input::Weights(&[4, 5])], &[]),
        Example::new(&[Input::Floats(&[2, 3, 4]), Input::Floats(&[2, 4, 5])], &[]),
        Example::new(&[Input::Floats(&[4]), Input::Floats(&[4])], &[]),
    ],
    eight_bit: EightBit::Compute(Compute {
        data_inputs: 2,
        weight_axis: Some(|_| Ok(1)),
        why_float,
        on_bytes,
    }),
    multiplies: true,
    reads: product::depth,
    lower: float::lower::matmul,
    ..Operator::new(
        "MatMul",
        "a matrix product",
        |inputs| inputs.like(0, product::infer(inputs, 0, 1)?),
        evaluate,
    )
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let (left, right) = (args.tensor(0)?, args.tensor(1)?);
    let product = Product::of(args, left, right)?;
    let (a, b) = (left.as_f32()?, right.as_f32()?);
    let result = product.elements(|_, _, pairs| {
        pairs.fold(0.0, |sum, (i, j)| sum + f64::from(a[i]) * f64::from(b[j])) as f32
    });
    Ok(vec![Tensor::new(product.shape, result)?])
}

/// A second factor that is not constant is an activation.
fn why_float(node: &Node, values: &Values<'_>) -> Result<Option<String>, Error> {
    if values.is_constant(node.required_input(1)?) {
        return weights::why_float(node, values, 1, true);
    }
    Ok(None)
}

/// Without `to`, the output is float. Input 2 may be the bias of an `Add` that follows.
fn on_bytes(
    node: &Node,
    operands: &mut Operands,
    to: Option<&QuantizedValue>,
) -> Result<Option<Node>, Error> {
    let Some([a, b]) = qlinear::factors(node, operands)? else { return Ok(None) };
    let columns = match operands.constant(b.value()).map(Tensor::shape) {
        Some(&[_, columns]) => Some(columns),
        _ => None,
    };
    let by_column = b.scales.len() == 1 || (columns.is_some() && matches!(b.axis, 1 | -1));
    if !by_column || !qlinear::product_multipliers_exist(a.scales[0], &b.scales, to) {
        return Ok(None);
    }
    let bias = match columns {
        Some(channels) => {
            let sums = Sums { step: a.scales[0], scales: &b.scales, factor: 1.0, channels, to };
            operands.bias(node.input(2), &sums)?
        }
        None => node.input(2).is_none().then_some(None),
    };
    let Some(bias) = bias else { return Ok(None) };
    let inputs =
        [&a, &b].into_iter().flat_map(qlinear::operand).chain(qlinear::output(to)).chain(bias).collect();
    Ok(Some(qlinear::node(&qlinear_matmul::OP, inputs, node)))
}
