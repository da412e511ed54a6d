//! Codes between those of 0 and of an upper bound; the range stays as it is.

use super::super::eight_bit::EightBit;
use super::super::example::{Example, Input};
use super::super::operator::{Evaluate, Operator};
use super::arguments::Arguments;
use super::by_code::by_code;
use super::code_range::{Code, CodeRange, outputs, types_like_first};
use super::domains::TENSORFLOW;
use crate::exec::builder::Builder;
use crate::{Error, Node, Tensor};

/// The codes of 0 and of `upper`, or the highest code without an upper bound.
pub(crate) fn bounds<T: Code>(range: CodeRange, upper: Option<f32>) -> (T, T) {
    let highest = upper.map_or(T::saturated(T::HIGHEST as i64), |upper| range.code(upper));
    (range.code(0.0), highest)
}

/// An operator that reads codes and their range.
pub(crate) const fn operator(
    name: &'static str,
    summary: &'static str,
    evaluate: Evaluate,
    lower: fn(&mut Builder<'_>, &Node) -> Result<bool, Error>,
) -> Operator {
    const EXAMPLES: &[Example] = &[
        Example::new(&[Input::Bytes(&[2, 3, 4]), Input::Float(-3.0), Input::Float(9.0)], &[]).outputs(3),
        Example::new(&[Input::Bias(&[2, 3, 4]), Input::Float(-3.0), Input::Float(9.0)], &[]).outputs(3),
    ];
    Operator {
        domains: &[TENSORFLOW],
        examples: EXAMPLES,
        eight_bit: EightBit::Bytes,
        lower,
        ..Operator::new(name, summary, |inputs| types_like_first(inputs, None), evaluate)
    }
}

pub(crate) fn evaluate(args: &Arguments<'_>, upper: Option<f32>) -> Result<Vec<Tensor>, Error> {
    fn clamped<T: Code + Ord>(args: &Arguments<'_>, upper: Option<f32>) -> Result<Vec<Tensor>, Error> {
        let range = CodeRange::of(args, 1)?;
        let (low, high) = bounds::<T>(range, upper);
        let codes = args.values::<T>(0)?.iter().map(|&code| code.max(low).min(high)).collect();
        outputs(args.tensor(0)?.shape(), codes, range)
    }
    by_code!(T, args.tensor(0)?.data_type(), clamped::<T>(args, upper), other => Err(args.wrong_type(other)))
}
