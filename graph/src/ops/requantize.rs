//! `Requantize` of TensorFlow. Inputs: 32-bit codes, their range, the range of the output. Outputs: codes of eight bits, their range.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::code_range::{CodeRange, outputs, types_like_first};
use super::shared::code_type;
use super::shared::domains::TENSORFLOW;
use super::shared::inputs::Inputs;
use super::shared::requantizer::RequantizeTo;
use crate::exec::integer::coded;
use crate::{DataType, Error, Tensor, TensorType};

const INPUTS: &[Input] = &[
    Input::Bias(&[2, 3, 4]),
    Input::Float(-2_147_483.6),
    Input::Float(2_147_483.6),
    Input::Float(-0.75),
    Input::Float(0.5),
];

pub(crate) static OP: Operator = Operator {
    domains: &[TENSORFLOW],
    examples: &[
        Example::new(INPUTS, &[]).outputs(3),
        Example::new(INPUTS, &[("out_type", Value::Text("qint8"))]).outputs(3),
    ],
    eight_bit: EightBit::Bytes,
    lower: coded::sums::requantize,
    output_type: |node, _| code_type::of(node, "out_type").ok(),
    ..Operator::new("Requantize", "32-bit codes to codes of eight bits of another range", infer, evaluate)
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    types_like_first(inputs, Some(code_type::of(inputs.node, "out_type")?))
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn codes<T: RequantizeTo>(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
        let sums = args.values::<i32>(0)?;
        let (from, to) = (CodeRange::of(args, 1)?, CodeRange::of(args, 3)?);
        let mut codes = vec![T::default(); sums.len()];
        T::requantize(from, to, sums, &mut codes);
        outputs(args.tensor(0)?.shape(), codes, to)
    }
    match code_type::of(args.node(), "out_type")? {
        DataType::U8 => codes::<u8>(args),
        DataType::I8 => codes::<i8>(args),
        other => Err(args.wrong_type(other)),
    }
}
