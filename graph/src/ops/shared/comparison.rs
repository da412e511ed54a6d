//! Shared by the operators that compare two tensors, elementwise.

use std::cmp::Ordering;

use super::super::example::{Example, Input};
use super::super::operator::{Evaluate, Operator};
use super::arguments::Arguments;
use super::by_element::by_element;
use super::zipped::{self, zipped};
use crate::{DataType, Element, Error, Tensor};

/// A comparison: its result holds booleans.
pub(crate) const fn operator(name: &'static str, summary: &'static str, evaluate: Evaluate) -> Operator {
    const EXAMPLES: &[Example] = &[
        Example::new(&[Input::Floats(&[1, 3, 4, 5]), Input::Floats(&[3, 1, 5])], &[]),
        Example::new(&[Input::Integers(&[1, 2, 3]), Input::Integers(&[2])], &[]),
    ];
    Operator {
        since: 7,
        examples: EXAMPLES,
        output_type: |_, _| Some(DataType::Bool),
        ..Operator::new(name, summary, |inputs| zipped::infer(inputs, DataType::Bool), evaluate)
    }
}

/// Whether the order of the elements `holds`; NaN is in no order with anything.
pub(crate) fn compare(
    args: &Arguments<'_>,
    holds: fn(Option<Ordering>) -> bool,
) -> Result<Vec<Tensor>, Error> {
    fn typed<T: Element + PartialOrd>(
        (args, holds): (&Arguments<'_>, fn(Option<Ordering>) -> bool),
        a: &[T],
    ) -> Result<Vec<Tensor>, Error> {
        let (left, right) = (args.tensor(0)?, args.tensor(1)?);
        Ok(vec![zipped(args, left, a, right, |a, b| holds(a.partial_cmp(&b)))?])
    }
    by_element!((args, holds), args.tensor(0)?, typed)
}
