//! `MeanVarianceNormalization`: along axes, by default all but that of the channels.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::doubles::{doubles, rounded};
use super::shared::reduction::Reduction;
use super::shared::{axes, unary};
use crate::{Error, Tensor};

/// Added to the deviation, as in the standard's definition as a function.
const EPSILON: f64 = 1e-9;

pub(crate) static OP: Operator = Operator {
    since: 9,
    examples: &[
        Example::new(&[Input::Floats(&[2, 3, 4, 5])], &[]),
        Example::new(&[Input::Floats(&[2, 6])], &[("axes", Value::Ints(&[-1]))]),
    ],
    ..Operator::new("MeanVarianceNormalization", "(x − mean) / √variance along axes", unary::same, evaluate)
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let shape = args.tensor(0)?.shape();
    let axes = axes::named(args.node(), args.node().ints("axes")?.unwrap_or(&[0, 2, 3]), shape.len())?;
    let reduction = Reduction::new(args.node(), shape, &axes)?;
    let mut x = doubles(args, 0)?;
    let count = x.len() as f64 / reduction.count as f64;
    let means = reduction.accumulate(x.iter().copied(), 0.0, |sum, x| sum + x / count);
    x.iter_mut().zip(reduction.outputs()).for_each(|(x, at)| *x -= means[at]);
    let variances = reduction.accumulate(x.iter().copied(), 0.0, |sum, x| sum + x * x / count);
    x.iter_mut().zip(reduction.outputs()).for_each(|(x, at)| *x /= variances[at].sqrt() + EPSILON);
    Ok(vec![rounded(args, shape, x)?])
}
