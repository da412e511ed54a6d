//! Pools and means over pixels.

use super::channels::Channels;
use super::context::Context;
use super::moments::Moments;
use super::reason::Reason;
use crate::Node;
use crate::ops::reduce_mean;
use crate::ops::shared::reduction::over_pixels;

/// The part of a channel's deviation that its means over whole images have. They are not normally distributed: few images have much of
/// what a channel looks for. Their range is that of all the deviation.
const OF_IMAGES: f64 = 0.5;

/// The mean of the largest of four independent normal numbers, in deviations: a window has about as many independent ones.
const LARGEST_OF_FOUR: f64 = 1.03;

/// `AveragePool` of neighbours, which differ little, or of whole images.
pub(super) fn average(context: &Context<'_>, node: &Node) -> Result<Channels, Reason> {
    let output = context.shape(node.required_output(0)?);
    if output.is_ok_and(|shape| shape.iter().skip(2).all(|&side| side == 1)) {
        return global_average(context, node);
    }
    Ok(context.input(node, 0)?.clone())
}

/// The mean of whole images.
pub(super) fn global_average(context: &Context<'_>, node: &Node) -> Result<Channels, Reason> {
    let mean = |x: Moments| {
        let ends = Moments::normal(x.mean, x.deviation, context.reach).within(x.low, x.high);
        Moments { deviation: OF_IMAGES * x.deviation, ..ends }
    };
    Ok(context.input(node, 0)?.map(mean))
}

/// `MaxPool`.
pub(super) fn largest(context: &Context<'_>, node: &Node) -> Result<Channels, Reason> {
    let shifted = |x: Moments| Moments { mean: (x.mean + LARGEST_OF_FOUR * x.deviation).min(x.high), ..x };
    Ok(context.input(node, 0)?.map(shifted))
}

/// `ReduceMean`, over pixels.
pub(super) fn reduced(context: &Context<'_>, node: &Node) -> Result<Channels, Reason> {
    let axes = reduce_mean::axes(node, |name| context.graph.constants.get(name))?;
    let input = context.input(node, 0)?;
    if !axes.is_some_and(|axes| over_pixels(&axes)) || !(input.are_alike() || input.axis == 1) {
        return Err(Reason::new("it reduces other axes than those of pixels"));
    }
    global_average(context, node)
}
