//! `Hardmax`: 1 for the first of the greatest elements along an axis, 0 for all others.

use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::doubles::{doubles, rounded};
use super::shared::softmax;
use crate::{Error, Tensor};

pub(crate) static OP: Operator =
    softmax::operator("Hardmax", "1 for the greatest element along an axis, 0 for others", evaluate);

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let shape = args.tensor(0)?.shape();
    let axis = args.axis(args.node().int("axis", -1)?, shape.len())?;
    let (size, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
    let x = doubles(args, 0)?;
    let mut y = vec![0.0; x.len()];
    for first in (0..x.len()).filter(|at| (at / inner).is_multiple_of(size)) {
        let better = |best: usize, at: usize| if x[at] > x[best] { at } else { best };
        y[(0..size).map(|i| first + i * inner).fold(first, better)] = 1.0;
    }
    Ok(vec![rounded(args, shape, y)?])
}
