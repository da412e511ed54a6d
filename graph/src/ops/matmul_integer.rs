//! `MatMulInteger`. Inputs: a, b, zero point of a, zero point of b, and [scales and a bias](scaled_sums).

use super::eight_bit::EightBit;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::inputs::Inputs;
use super::shared::product::{self, Product, accumulate};
use super::shared::scaled_sums;
use super::shared::scales::ZeroPoints;
use crate::exec::integer;
use crate::{Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 10,
    examples: &[
        Example::new(
            &[Input::Bytes(&[3, 4]), Input::SignedWeights(&[4, 5]), Input::Byte(100), Input::SignedByte(3)],
            &[],
        ),
        Example::new(
            &[
                Input::Bytes(&[2, 3, 4]),
                Input::SignedWeights(&[4, 2]),
                Input::Byte(100),
                Input::SignedByte(3),
                Input::Float(0.1),
                Input::Weights(&[2]),
            ],
            &[],
        ),
        Example::new(
            &[Input::Bytes(&[2, 3, 4]), Input::Bytes(&[2, 4, 5]), Input::Byte(100), Input::Byte(9)],
            &[],
        ),
    ],
    eight_bit: EightBit::Bytes,
    multiplies: true,
    reads: product::depth,
    lower: integer::dynamic::product,
    output_type: |node, _| Some(scaled_sums::data_type(node)),
    ..Operator::new("MatMulInteger", "a matrix product of bytes to 32-bit sums", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let shape = product::infer(inputs, 0, 1)?;
    if let [.., _, columns] = *inputs.shape(1)? {
        scaled_sums::check(inputs, columns)?;
    }
    Ok(vec![TensorType::new(scaled_sums::data_type(inputs.node), shape)])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let (a, b) = (args.tensor(0)?, args.tensor(1)?);
    let product = Product::of(args, a, b)?;
    let (a_zero, b_zero) = (ZeroPoints::new(args, 2)?, ZeroPoints::new(args, 3)?);
    let sums = accumulate(args, &product, (a, &a_zero), (b, &b_zero))?;
    let (columns, sums) = (product.n, Tensor::new(product.shape, sums)?);
    Ok(vec![scaled_sums::output(args, sums, columns, |at| at % columns.max(1))?])
}
