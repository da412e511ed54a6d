//! `RequantizationRange` of TensorFlow. Inputs: 32-bit codes and their range. Outputs: the least float among those that the codes stand
//! for, 0 if it is greater, and the greatest.

use super::eight_bit::EightBit;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::code_range::CodeRange;
use super::shared::domains::TENSORFLOW;
use super::shared::inputs::Inputs;
use crate::exec::integer::coded;
use crate::{DataType, Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    domains: &[TENSORFLOW],
    examples: &[
        Example::new(&[Input::Bias(&[2, 3, 4]), Input::Float(-2147.5), Input::Float(2147.5)], &[]).outputs(2)
    ],
    eight_bit: EightBit::Bytes,
    lower: coded::sums::range_of,
    output_type: |_, _| Some(DataType::F32),
    ..Operator::new("RequantizationRange", "the range of what 32-bit codes stand for", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    inputs.get(0)?;
    Ok(vec![TensorType::new(DataType::F32, []), TensorType::new(DataType::F32, [])])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let range = used(extremes(args.values(0)?), CodeRange::of(args, 1)?);
    Ok(range.tensors().into())
}

/// The least and the greatest code.
pub(crate) fn extremes(codes: &[i32]) -> (i32, i32) {
    codes.iter().fold((i32::MAX, i32::MIN), |(least, greatest), &code| (least.min(code), greatest.max(code)))
}

/// The range of what codes between the two stand for.
pub(crate) fn used((least, greatest): (i32, i32), all: CodeRange) -> CodeRange {
    CodeRange { min: all.float(least).min(0.0), max: all.float(greatest) }
}
