//! Shared by the operators on two tensors of booleans.

use super::super::example::{Example, Input};
use super::super::operator::{Evaluate, Operator};
use super::arguments::Arguments;
use super::zipped::{self, zipped};
use crate::{DataType, Error, Tensor};

/// A function of two booleans.
pub(crate) const fn operator(name: &'static str, summary: &'static str, evaluate: Evaluate) -> Operator {
    const EXAMPLES: &[Example] =
        &[Example::new(&[Input::Booleans(&[1, 3, 4, 5]), Input::Booleans(&[3, 1, 5])], &[])];
    Operator {
        since: 7,
        examples: EXAMPLES,
        ..Operator::new(name, summary, |inputs| zipped::infer(inputs, DataType::Bool), evaluate)
    }
}

/// `function(a, b)` of booleans.
pub(crate) fn booleans(args: &Arguments<'_>, function: fn(bool, bool) -> bool) -> Result<Vec<Tensor>, Error> {
    let (left, right) = (args.tensor(0)?, args.tensor(1)?);
    Ok(vec![zipped(args, left, left.as_bool()?, right, function)?])
}
