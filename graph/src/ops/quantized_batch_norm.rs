//! `QuantizedBatchNormWithGlobalNormalization` of TensorFlow, in fixed-point arithmetic. Inputs: x, mean, variance, beta and gamma, each followed
//! by its range.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::code_range::{CodeRange, outputs, types};
use super::shared::domains::TENSORFLOW;
use super::shared::inputs::Inputs;
use crate::{DataType, Error, Tensor, TensorType};

const POSITIVE: [Input; 3] = [Input::ByteWeights(&[3]), Input::Float(0.0), Input::Float(1.6)];

pub(crate) static OP: Operator = Operator {
    domains: &[TENSORFLOW],
    examples: &[Example::new(
        &[
            Input::Bytes(&[2, 4, 3]),
            Input::Float(-3.2),
            Input::Float(5.1),
            POSITIVE[0],
            POSITIVE[1],
            POSITIVE[2],
            POSITIVE[0],
            POSITIVE[1],
            POSITIVE[2],
            POSITIVE[0],
            POSITIVE[1],
            POSITIVE[2],
            POSITIVE[0],
            POSITIVE[1],
            POSITIVE[2],
        ],
        &[("variance_epsilon", Value::Float(0.001)), ("scale_after_normalization", Value::Int(1))],
    )
    .outputs(3)],
    eight_bit: EightBit::Bytes,
    output_type: |_, _| Some(DataType::I32),
    ..Operator::new(
        "QuantizedBatchNormWithGlobalNormalization",
        "bytes, normalized by channel, as 32-bit codes",
        infer,
        evaluate,
    )
};

/// The range of every result.
const RESULTS: CodeRange = CodeRange { min: -1_048_576.0, max: 1_048_576.0 };

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    Ok(types(DataType::I32, inputs.shape(0)?))
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let shape = args.tensor(0)?.shape();
    let channels = shape.last().copied().unwrap_or(1);
    // Mean, variance, beta, gamma.
    let mut of_channels = Vec::with_capacity(4);
    for index in [3, 6, 9, 12] {
        let (codes, range) = (args.values::<u8>(index)?, CodeRange::of(args, index + 1)?);
        if codes.len() != channels {
            return Err(
                args.error(format!("input {index} has {} elements for {channels} channels", codes.len()))
            );
        }
        of_channels.push(codes.iter().map(|&code| range.float(code)).collect::<Vec<f32>>());
    }
    let epsilon = args.node().float("variance_epsilon", 0.001)?;
    let scaled = args.node().flag("scale_after_normalization", false)?;
    let factors: Vec<(i32, i32)> = (0..channels)
        .map(|channel| {
            let [mean, variance, beta, gamma] = [0, 1, 2, 3].map(|which| of_channels[which][channel]);
            let scale = 1.0 / (variance + epsilon).sqrt() * if scaled { gamma } else { 1.0 };
            (RESULTS.code(scale), RESULTS.code(-mean * scale + beta))
        })
        .collect();
    let (x, range) = (args.values::<u8>(0)?, CodeRange::of(args, 1)?);
    let one = RESULTS.code::<i32>(1.0);
    let of_byte: [i32; 256] = std::array::from_fn(|byte| RESULTS.code(range.float(byte as u8)));
    let codes = x.iter().zip(factors.iter().cycle()).map(|(&byte, &(scale, offset))| {
        (of_byte[usize::from(byte)].wrapping_mul(scale) / one).wrapping_add(offset)
    });
    outputs(shape, codes.collect(), RESULTS)
}
