//! `Trunc` of QONNX: a quantized tensor loses its lowest bits.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::domains::QONNX;
use super::shared::few_bits::{self, Integers, Rounding};
use crate::{Error, Tensor};

pub(crate) static OP: Operator = Operator {
    domains: QONNX,
    examples: &[
        Example::new(
            &[
                Input::Floats(&[2, 3, 4]),
                Input::Float(0.125),
                Input::Float(0.0),
                Input::Float(8.0),
                Input::Float(4.0),
            ],
            &[],
        ),
        Example::new(
            &[
                Input::Floats(&[2, 3, 4]),
                Input::Float(0.125),
                Input::Float(2.0),
                Input::Float(8.0),
                Input::Float(0.5),
                Input::Float(3.0),
            ],
            &[("rounding_mode", Value::Text("HALF_EVEN")), ("signed", Value::Int(0))],
        ),
    ],
    broadcasts: true,
    ..Operator::new(
        "Trunc",
        "x / scale + zero point without its lowest bits, and back",
        few_bits::infer,
        evaluate,
    )
};

/// The first version has five inputs and keeps the scale. The second one has six, of which the fifth is the output's scale, and clamps to
/// the output's bits.
fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let rounding = Rounding::of(args.node(), "FLOOR")?;
    let integer = |x: f32, scale: f32, zero_point: f32| (x / scale + zero_point).round_ties_even();
    if args.optional(5).is_none() {
        return few_bits::map(args, |x, [scale, zero_point, bits, output_bits]| {
            let cut = (bits - output_bits).exp2();
            (rounding.apply(integer(x, scale, zero_point) / cut) - zero_point) * scale
        });
    }
    let integers = Integers::of(args.node())?;
    few_bits::map(args, |x, [scale, zero_point, _, output_scale, output_bits]| {
        // A power of two.
        let cut = (output_scale / scale).log2().round_ties_even().exp2();
        let y = rounding.apply(integers.clamp(integer(x, scale, zero_point) / cut, output_bits));
        (y - zero_point / cut) * output_scale
    })
}
