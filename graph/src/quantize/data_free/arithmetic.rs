//! Sums, differences, products and quotients of two values, or of a value and a constant.

use super::channels::Channels;
use super::context::Context;
use super::moments::Moments;
use super::reason::Reason;
use crate::ops::shared::indexing::strides;
use crate::{Node, Tensor};

/// `Add` and `Sum`: the inputs are taken for independent.
pub(super) fn sum(context: &Context<'_>, node: &Node) -> Result<Channels, Reason> {
    let mut total = operand(context, node, 0)?;
    for index in 1..node.inputs.len() {
        total = zip(&total, &operand(context, node, index)?, |a, b| plus(a, b, context.reach))?;
    }
    Ok(total)
}

/// `Sub`.
pub(super) fn difference(context: &Context<'_>, node: &Node) -> Result<Channels, Reason> {
    let negative = operand(context, node, 1)?.map(|x| times(x, Moments::constant(-1.0), context.reach));
    zip(&operand(context, node, 0)?, &negative, |a, b| plus(a, b, context.reach))
}

/// `Mul`: the inputs are taken for independent.
pub(super) fn product(context: &Context<'_>, node: &Node) -> Result<Channels, Reason> {
    zip(&operand(context, node, 0)?, &operand(context, node, 1)?, |a, b| times(a, b, context.reach))
}

/// `Div` by a constant.
pub(super) fn quotient(context: &Context<'_>, node: &Node) -> Result<Channels, Reason> {
    let divisor = context.required_constant(node, 1)?;
    let inverse: Vec<f32> = divisor.as_f32()?.iter().map(|divisor| divisor.recip()).collect();
    let inverse = of_constant(context, node, &Tensor::new(divisor.shape(), inverse)?)?;
    zip(&operand(context, node, 0)?, &inverse, |a, b| times(a, b, context.reach))
}

fn zip(
    a: &Channels,
    b: &Channels,
    function: impl Fn(Moments, Moments) -> Moments,
) -> Result<Channels, Reason> {
    a.zip(b, function).ok_or_else(|| Reason::new("the channels of its inputs do not match"))
}

fn plus(a: Moments, b: Moments, reach: f64) -> Moments {
    let sum = Moments::normal(a.mean + b.mean, a.deviation.hypot(b.deviation), reach);
    sum.within(a.low + b.low, a.high + b.high)
}

/// `E[a·b] = E[a]·E[b]`, and the variance `σ²τ² + σ²·E[b]² + τ²·E[a]²`.
fn times(a: Moments, b: Moments, reach: f64) -> Moments {
    let deviation = [a.deviation * b.deviation, a.deviation * b.mean, b.deviation * a.mean];
    let deviation = deviation.iter().map(|part| part * part).sum::<f64>().sqrt();
    let corners = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high];
    let low = corners.iter().copied().fold(f64::INFINITY, f64::min);
    let high = corners.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    Moments::normal(a.mean * b.mean, deviation, reach).within(low, high)
}

/// Input `index`: a value, or a constant that is broadcast to the output.
fn operand(context: &Context<'_>, node: &Node, index: usize) -> Result<Channels, Reason> {
    match context.constant(node, index) {
        Some(constant) => of_constant(context, node, constant),
        None => {
            let channels = context.input(node, index)?;
            let rank = context.shape(node.required_input(index)?)?.len();
            let missing = context.shape(node.required_output(0)?)?.len().saturating_sub(rank);
            Ok(channels.along(channels.axis + missing))
        }
    }
}

/// A constant operand, by the channels of the value that it meets.
fn of_constant(context: &Context<'_>, node: &Node, constant: &Tensor) -> Result<Channels, Reason> {
    let rank = context.shape(node.required_output(0)?)?.len();
    let missing = rank.saturating_sub(constant.rank());
    let other = (0..node.inputs.len()).find_map(|index| context.find(node.input(index)?));
    let axis = other.filter(|other| !other.are_alike()).and_then(|other| other.axis.checked_sub(missing));
    let channels = axis.and_then(|axis| constant.shape().get(axis)).copied().unwrap_or(1).max(1);
    context.check(channels)?;
    let stride = axis.and_then(|axis| strides(constant.shape()).get(axis).copied()).unwrap_or(1).max(1);
    let mut tallies = vec![Tally::default(); channels];
    for (at, &value) in constant.as_f32()?.iter().enumerate() {
        if let Some(tally) = tallies.get_mut(at / stride % channels) {
            tally.add(f64::from(value));
        }
    }
    let all = tallies.iter().map(Tally::moments).collect();
    Channels::new(axis.unwrap_or(0) + missing, all).ok_or_else(|| Reason::new("it has no channels"))
}

/// The numbers of a channel of a constant.
#[derive(Clone, Copy, Debug)]
struct Tally {
    count: f64,
    sum: f64,
    squares: f64,
    low: f64,
    high: f64,
}

impl Default for Tally {
    fn default() -> Self {
        Self { count: 0.0, sum: 0.0, squares: 0.0, low: f64::INFINITY, high: f64::NEG_INFINITY }
    }
}

impl Tally {
    fn add(&mut self, value: f64) {
        let Self { count, sum, squares, low, high } = *self;
        *self = Self {
            count: count + 1.0,
            sum: sum + value,
            squares: squares + value * value,
            low: low.min(value),
            high: high.max(value),
        };
    }

    /// Not finite if there are no numbers.
    fn moments(&self) -> Moments {
        let mean = self.sum / self.count;
        let deviation = (self.squares / self.count - mean * mean).max(0.0).sqrt();
        Moments { mean, deviation, low: self.low, high: self.high }
    }
}
