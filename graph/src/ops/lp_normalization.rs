//! `LpNormalization`: lines along an axis are divided by their norm; those of zeros stay zeros.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::doubles::{doubles, rounded};
use super::shared::{norm, unary};
use crate::{Error, Tensor};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[2, 3, 4])], &[]),
        Example::new(&[Input::Floats(&[2, 3, 4])], &[("axis", Value::Int(1)), ("p", Value::Int(1))]),
    ],
    ..Operator::new("LpNormalization", "x / (Σ |x|ᵖ)^(1/p) along an axis", unary::same, evaluate)
};

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let shape = args.tensor(0)?.shape();
    let axis = args.axis(args.node().int("axis", -1)?, shape.len())?;
    let power = norm::power(args.node())?;
    let (size, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
    let mut x = doubles(args, 0)?;
    for first in (0..x.len()).filter(|at| (at / inner).is_multiple_of(size)) {
        let line = || (0..size).map(|i| first + i * inner);
        let norm = norm::of(line().map(|at| x[at]), power);
        if norm != 0.0 {
            line().for_each(|at| x[at] /= norm);
        }
    }
    Ok(vec![rounded(args, shape, x)?])
}
