//! `MatMulInteger`. Inputs: a, b, zero point of a, zero point of b.

use super::eight_bit::EightBit;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::inputs::Inputs;
use super::shared::product::{self, Product, accumulate};
use super::shared::scales::ZeroPoints;
use crate::exec::integer;
use crate::{DataType, Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 10,
    examples: &[Example::new(
        &[Input::Bytes(&[3, 4]), Input::SignedWeights(&[4, 5]), Input::Byte(100), Input::SignedByte(3)],
        &[],
    )],
    eight_bit: EightBit::Bytes,
    reads: product::depth,
    lower: integer::product::matmul_integer,
    output_type: |_, _| Some(DataType::I32),
    ..Operator::new("MatMulInteger", "a matrix product of bytes to 32-bit sums", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    Ok(vec![TensorType::new(DataType::I32, product::infer(inputs, 0, 1)?)])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let (a, b) = (args.tensor(0)?, args.tensor(1)?);
    let product = Product::of(args, a, b)?;
    let (a_zero, b_zero) = (ZeroPoints::new(args, 2)?, ZeroPoints::new(args, 3)?);
    let sums = accumulate(args, &product, (a, &a_zero), (b, &b_zero))?;
    Ok(vec![Tensor::new(product.shape, sums)?])
}
