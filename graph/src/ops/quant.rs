//! `Quant` of QONNX: a float tensor on the grid of integers of some bits, again in floats. Exporters call it `IntQuant`, too.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::domains::QONNX;
use super::shared::few_bits::{self, Integers, Rounding};
use crate::exec::integer;
use crate::{Error, Tensor};

pub(crate) static OP: Operator = operator("Quant");

const EXAMPLES: &[Example] = &[
    Example::new(
        &[Input::Floats(&[1, 3, 4, 5]), Input::Float(0.25), Input::Float(0.0), Input::Float(4.0)],
        &[("signed", Value::Int(1)), ("narrow", Value::Int(0))],
    ),
    Example::new(
        &[
            Input::Weights(&[3, 5]),
            Input::FloatVectors(&[3, 1], &[0.5, 0.25, 1.0]),
            Input::Float(1.0),
            Input::Float(2.0),
        ],
        &[("signed", Value::Int(0)), ("narrow", Value::Int(1)), ("rounding_mode", Value::Text("FLOOR"))],
    ),
];

/// The operator by one of its two names.
pub(super) const fn operator(name: &'static str) -> Operator {
    Operator {
        domains: QONNX,
        examples: EXAMPLES,
        broadcasts: true,
        lower: integer::few_bits::lower,
        ..Operator::new(
            name,
            "round(clamp(x / scale + zero point)) to some bits, less the zero point, · scale",
            few_bits::infer,
            evaluate,
        )
    }
}

/// One signed bit means −1 and 1.
fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let (integers, rounding) = (Integers::of(args.node())?, Rounding::of(args.node(), "ROUND")?);
    few_bits::map(args, |x, [scale, zero_point, bits]| {
        (integers.of_bits(x / scale + zero_point, bits, rounding) - zero_point) * scale
    })
}
