//! `ReduceLogSumExp`: the greatest element of each set is subtracted first, so that no exponential overflows.

use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::doubles::{doubles, rounded};
use super::shared::reduction;
use crate::{Error, Tensor};

pub(crate) static OP: Operator =
    reduction::operator("ReduceLogSumExp", "the logarithm of the sum of eˣ along axes", evaluate);

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let x = doubles(args, 0)?;
    let reduction = reduction::reduction(args)?;
    let greatest = reduction.accumulate(x.iter().copied(), f64::NEG_INFINITY, f64::max);
    // Infinite elements are their own logarithm of a sum.
    let shifts: Vec<f64> = greatest.into_iter().map(|x| if x.is_finite() { x } else { 0.0 }).collect();
    let mut sums = vec![0.0; reduction.count];
    for (&x, at) in x.iter().zip(reduction.outputs()) {
        sums[at] += (x - shifts[at]).exp();
    }
    let results = sums.into_iter().zip(shifts).map(|(sum, shift)| sum.ln() + shift).collect();
    Ok(vec![rounded(args, reduction.shape, results)?])
}
