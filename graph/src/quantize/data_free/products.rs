//! Products with constant weights.

use super::channels::Channels;
use super::context::Context;
use super::moments::Moments;
use super::reason::Reason;
use crate::ops::eight_bit::weight_axis;
use crate::ops::gemm;
use crate::{Node, Tensor};

/// Of neighbouring elements of a channel, how much of the variance they have in common: half lies between what is far apart (none)
/// and a constant image (all).
const COMMON: f64 = 0.5;

/// `Conv`: `E[y] = Σ w·E[x] + b` holds exactly, borders aside; the variance takes channels for independent.
pub(super) fn conv(context: &Context<'_>, node: &Node) -> Result<Channels, Reason> {
    let weights = context.required_constant(node, 1)?;
    let input = context.input(node, 0)?;
    let values = weights.as_f32()?;
    let [outputs, depth, kernel @ ..] = weights.shape() else {
        return Err(Reason::new("its weights have no channels"));
    };
    let groups = usize::try_from(node.int("group", 1)?).unwrap_or(0);
    let taps = kernel.iter().product::<usize>();
    let fits = groups > 0 && outputs % groups.max(1) == 0 && !values.is_empty();
    if !fits || !(input.are_alike() || input.axis == 1 && input.all().len() == depth * groups) {
        return Err(Reason::new("its weights do not fit the channels of its input"));
    }
    let per_group = outputs / groups;
    let channel = |(output, filter): (usize, &[f32])| {
        let first = output / per_group * depth;
        let mut sum = Sum::default();
        for (index, taps) in filter.chunks_exact(taps).enumerate() {
            sum.add(input.get(first + index)?, taps.iter().copied());
        }
        Some(sum)
    };
    let sums: Option<Vec<Sum>> = values.chunks_exact(depth * taps).enumerate().map(channel).collect();
    finish(context, node, sums, 1.0, 1)
}

/// `Gemm`, and `MatMul` by a constant matrix.
pub(super) fn gemm(context: &Context<'_>, node: &Node) -> Result<Channels, Reason> {
    let weights = context.required_constant(node, 1)?;
    let input = context.input(node, 0)?;
    let axis = context.shape(node.required_input(0)?)?.len().saturating_sub(1);
    let (values, &[rows, columns]) = (weights.as_f32()?, weights.shape()) else {
        return Err(Reason::new("its weights are not a matrix"));
    };
    let by_rows = weight_axis(node)? == Some(0);
    let (outputs, depth) = if by_rows { (rows, columns) } else { (columns, rows) };
    let fits = !node.flag("transA", false)? && !values.is_empty();
    if !fits || !(input.are_alike() || input.axis == axis && input.all().len() == depth) {
        return Err(Reason::new("its weights do not fit the channels of its input"));
    }
    let channel = |output: usize| {
        let mut sum = Sum::default();
        for index in 0..depth {
            let at = if by_rows { output * depth + index } else { index * outputs + output };
            sum.add(input.get(index)?, std::iter::once(*values.get(at)?));
        }
        Some(sum)
    };
    let sums: Option<Vec<Sum>> = (0..outputs).map(channel).collect();
    finish(context, node, sums, f64::from(node.float("alpha", 1.0)?), axis)
}

/// How much farther than a normal distribution the sums of a product reach that no normalization follows. They are often scores, of
/// which the right one is large because channels belong together: in classifiers of photos it lies 12 deviations from the mean.
const FARTHER: f64 = 2.5;

/// Mean and variance of a sum.
#[derive(Clone, Copy, Default)]
struct Sum {
    mean: f64,
    variance: f64,
}

impl Sum {
    /// Adds the weighted elements of a channel.
    fn add(&mut self, channel: Moments, weights: impl Iterator<Item = f32> + Clone) {
        let total: f64 = weights.clone().map(f64::from).sum();
        let squares: f64 = weights.map(|weight| f64::from(weight).powi(2)).sum();
        self.mean += total * channel.mean;
        self.variance += channel.deviation.powi(2) * ((1.0 - COMMON) * squares + COMMON * total * total);
    }
}

/// Adds the bias, input 2.
fn finish(
    context: &Context<'_>,
    node: &Node,
    sums: Option<Vec<Sum>>,
    alpha: f64,
    axis: usize,
) -> Result<Channels, Reason> {
    let sums = sums.ok_or_else(|| Reason::new("its weights do not fit the channels of its input"))?;
    let bias = match node.input(2) {
        None => &[0.0][..],
        Some(_) => context.required_constant(node, 2).and_then(|bias| Ok(Tensor::as_f32(bias)?))?,
    };
    if bias.len() != 1 && bias.len() != sums.len() {
        return Err(Reason::new("its bias has not one number for each channel"));
    }
    let beta = if node.is(&gemm::OP) { f64::from(node.float("beta", 1.0)?) } else { 1.0 };
    let channel = |(sum, bias): (&Sum, &f32)| {
        Moments::normal(
            alpha * sum.mean + beta * f64::from(*bias),
            alpha * sum.variance.max(0.0).sqrt(),
            FARTHER * context.reach,
        )
    };
    let all = sums.iter().zip(bias.iter().cycle()).map(channel).collect();
    Channels::new(axis, all).ok_or_else(|| Reason::new("it has no channels"))
}
