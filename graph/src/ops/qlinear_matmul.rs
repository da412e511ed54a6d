//! `QLinearMatMul`. Inputs: a, scale, zero point, b, scale, zero point, scale and zero point of the output.

use super::eight_bit::EightBit;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::inputs::Inputs;
use super::shared::product::{self, Product, accumulate};
use super::shared::qlinear;
use super::shared::scales::{self, ProductBias, Scales, ZeroPoints};
use crate::exec::integer;
use crate::{DataType, Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 10,
    examples: &[Example::new(
        &[
            Input::Quantized(&[3, 4], 0.05, 100),
            Input::QuantizedWeights(&[4, 5], 0.01),
            Input::Scale(0.2, 120),
        ],
        &[],
    )],
    eight_bit: EightBit::Bytes,
    multiplies: true,
    reads: product::depth,
    lower: integer::product::matmul,
    output_type: |_, inputs| Some(inputs.get(7).copied().flatten().unwrap_or(DataType::F32)),
    ..Operator::new("QLinearMatMul", "a matrix product of bytes to bytes", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    Ok(vec![TensorType::new(qlinear::output_type(inputs, 6)?, product::infer(inputs, 0, 3)?)])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let (a, b) = (args.tensor(0)?, args.tensor(3)?);
    let product = Product::of(args, a, b)?;
    let (a_zero, b_zero) = (ZeroPoints::new(args, 2)?, ZeroPoints::new(args, 5)?);
    let sums = accumulate(args, &product, (a, &a_zero), (b, &b_zero))?;
    let bias = ProductBias::new(args, 8, 6, product.n)?;
    let scales = [Scales::new(args, 1, 1)?, Scales::new(args, 4, product.n)?];
    let columns = product.n.max(1);
    let sums = sums.into_iter().enumerate().map(|(at, sum)| (bias.add_to(sum, at % columns), at % columns));
    let output = scales::of_sums(args, scales, bias.floats(), 6, sums)?;
    Ok(vec![Tensor::new(product.shape, output)?])
}
