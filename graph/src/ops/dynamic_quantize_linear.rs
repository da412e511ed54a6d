//! `DynamicQuantizeLinear`: the range of the input, widened to hold 0, maps to 0 to 255. Outputs: y, scale, zero point.

use super::eight_bit::EightBit;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::inputs::Inputs;
use super::shared::scales::rounded;
use crate::{DataType, Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 11,
    examples: &[Example::new(&[Input::Floats(&[2, 5])], &[]).outputs(3)],
    eight_bit: EightBit::Bytes,
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
    let low = x.iter().fold(0.0f32, |low, &x| low.min(x));
    let high = x.iter().fold(0.0f32, |high, &x| high.max(x));
    let scale = (high - low) / 255.0;
    if !scale.is_finite() {
        return Err(args.error("the range of the input is not finite"));
    }
    // All zeros: any scale is exact, and ONNX Runtime uses 1.
    let scale = if scale == 0.0 { 1.0 } else { scale };
    let zero = rounded((0.0 - low / scale).clamp(0.0, 255.0), 0, (0, 255));
    let y: Vec<u8> = x.iter().map(|&x| rounded(x / scale, zero, (0, 255)) as u8).collect();
    Ok(vec![Tensor::new(args.tensor(0)?.shape(), y)?, Tensor::scalar(scale), Tensor::scalar(zero as u8)])
}
