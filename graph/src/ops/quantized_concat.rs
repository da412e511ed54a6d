//! `QuantizedConcat` of TensorFlow. Inputs: parts, the lower end of the range of each, the upper ends. The output has the least range that
//! holds those of all parts.

use super::eight_bit::EightBit;
use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_code::by_code;
use super::shared::code_range::{Code, CodeRange, Decoder, Encoder, outputs, types};
use super::shared::concat::{axis, joined};
use super::shared::domains::TENSORFLOW;
use super::shared::inputs::Inputs;
use crate::exec::integer::coded;
use crate::{Error, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    domains: &[TENSORFLOW],
    examples: &[Example::new(
        &[
            Input::Bytes(&[2, 3, 2]),
            Input::Bytes(&[2, 3, 1]),
            Input::Float(-3.2),
            Input::Float(-1.0),
            Input::Float(5.1),
            Input::Float(9.0),
        ],
        &[("axis", Value::Int(-1))],
    )
    .outputs(3)],
    eight_bit: EightBit::Bytes,
    lower: coded::concat::lower,
    ..Operator::new(
        "QuantizedConcat",
        "the parts in a row, in a range that holds all of theirs",
        infer,
        evaluate,
    )
};

/// The number of parts.
pub(crate) fn parts(inputs: usize) -> Option<usize> {
    (inputs > 0 && inputs.is_multiple_of(3)).then_some(inputs / 3)
}

/// The range that holds all `ranges`.
pub(crate) fn holding(ranges: &[CodeRange]) -> CodeRange {
    ranges.iter().fold(CodeRange { min: f32::MAX, max: f32::MIN }, |all, range| CodeRange {
        min: all.min.min(range.min),
        max: all.max.max(range.max),
    })
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let count = parts(inputs.len()).ok_or_else(|| inputs.error("needs a range for each part"))?;
    let first = inputs.get(0)?;
    let parts = (0..count).map(|index| inputs.get(index)).collect::<Result<Vec<_>, _>>()?;
    if parts.iter().any(|part| part.data_type != first.data_type) {
        return Err(inputs.error("its parts are of different types"));
    }
    let shapes: Vec<&[usize]> = parts.iter().map(|part| part.shape.as_slice()).collect();
    let axis = axis(inputs.node, first.shape.len())?;
    Ok(types(first.data_type, joined(inputs.node, &shapes, axis)?))
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn joins<T: Code>(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
        let count =
            parts(args.node().inputs.len()).ok_or_else(|| args.error("needs a range for each part"))?;
        let ranges = (0..count).map(|index| CodeRange::between(args, count + index, 2 * count + index));
        let ranges = ranges.collect::<Result<Vec<_>, _>>()?;
        let to = holding(&ranges);
        let tensors = (0..count).map(|index| args.tensor(index)).collect::<Result<Vec<_>, _>>()?;
        let shapes: Vec<&[usize]> = tensors.iter().map(|tensor| tensor.shape()).collect();
        let axis = axis(args.node(), tensors[0].rank())?;
        let shape = joined(args.node(), &shapes, axis)?;
        let count = args.count(&shape)?;
        let mut codes: Vec<T> = Vec::with_capacity(count);
        let runs = if count == 0 { 0 } else { args.count(&shape[..axis])? };
        for run in 0..runs {
            for (tensor, &range) in tensors.iter().zip(&ranges) {
                let len = tensor.len() / runs;
                let part = tensor.values::<T>()?.iter().skip(run * len).take(len);
                if range == to {
                    codes.extend(part);
                } else {
                    let (decoder, encoder) = (Decoder::<T>::new(range), Encoder::<T>::new(to));
                    codes.extend(part.map(|&code| encoder.code(decoder.float(code))));
                }
            }
        }
        outputs(&shape, codes, to)
    }
    by_code!(T, args.tensor(0)?.data_type(), joins::<T>(args), other => Err(args.wrong_type(other)))
}
