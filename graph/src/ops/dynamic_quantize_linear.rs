//! `DynamicQuantizeLinear`: the range of the input, widened to hold 0, maps to 0 to 255. Outputs: y, scale, zero point.

use super::eight_bit::EightBit;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::inputs::Inputs;
use super::shared::scales::DynamicRange;
use crate::exec::integer;
use crate::{DataType, Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 11,
    examples: &[Example::new(&[Input::Floats(&[2, 5])], &[]).outputs(3)],
    eight_bit: EightBit::Bytes,
    lower: integer::dynamic::quantize,
    output_type: |_, _| Some(DataType::U8),
    ..Operator::new(
        "DynamicQuantizeLinear",
        "the range of x, laid over all bytes: y, scale, zero point",
        infer,
        evaluate,
    )
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    Ok(vec![
        TensorType::new(DataType::U8, inputs.shape(0)?),
        TensorType::new(DataType::F32, []),
        TensorType::new(DataType::U8, []),
    ])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let x = args.values::<f32>(0)?;
    let range = DynamicRange::of(x).ok_or_else(|| args.error(DynamicRange::NOT_FINITE))?;
    let y: Vec<u8> = x.iter().map(|&x| range.byte(x)).collect();
    let zero = Tensor::scalar(range.zero as u8);
    Ok(vec![Tensor::new(args.tensor(0)?.shape(), y)?, Tensor::scalar(range.scale), zero])
}
