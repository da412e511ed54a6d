//! `BipolarQuant` of QONNX: signs in floats.

use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::domains::QONNX;
use super::shared::few_bits::{self, bipolar};
use crate::exec::integer;

pub(crate) static OP: Operator = Operator {
    domains: QONNX,
    examples: &[Example::new(&[Input::Floats(&[2, 3, 4]), Input::Float(0.5)], &[])],
    broadcasts: true,
    lower: integer::few_bits::lower,
    ..Operator::new(
        "BipolarQuant",
        "scale where x is not negative, −scale elsewhere",
        few_bits::infer,
        |args| few_bits::map(args, |x, [scale]| bipolar(x) * scale),
    )
};
