//! Operators that move elements.

use super::channels::Channels;
use super::context::Context;
use super::moments::Moments;
use super::reason::Reason;
use crate::Node;
use crate::ops::shared::indexing::axis_of;
use crate::ops::{concat, resize, slice, upsample};

/// `Reshape`, `Flatten`, `Squeeze` and `Unsqueeze`: the axis of the channels stays, or is joined with axes after it.
pub(super) fn reshaped(context: &Context<'_>, node: &Node) -> Result<Channels, Reason> {
    let input = context.input(node, 0)?;
    if input.are_alike() {
        return Ok(input.clone());
    }
    let (from, to) = (context.shape(node.required_input(0)?)?, context.shape(node.required_output(0)?)?);
    let before: usize = from.iter().take(input.axis).product();
    let own: usize = from.iter().skip(input.axis + 1).product();
    let channels = input.all().len();
    // Of axes of size 1 the last one, which has the channels' size if one does.
    let axis = (0..to.len()).rev().find(|&axis| to[..axis].iter().product::<usize>() == before);
    let joined = |axis: usize| {
        let behind = to[axis] / channels;
        let same: usize = to[axis + 1..].iter().product();
        (behind > 0 && behind * channels == to[axis] && behind * same == own).then_some((axis, behind))
    };
    let Some((axis, behind)) = axis.and_then(joined) else { return Ok(input.mixed()) };
    context.check(to[axis])?;
    let all = input.all().iter().flat_map(|&channel| std::iter::repeat_n(channel, behind)).collect();
    Channels::new(axis, all).ok_or_else(|| Reason::new("it has no channels"))
}

/// `Transpose`.
pub(super) fn transposed(context: &Context<'_>, node: &Node) -> Result<Channels, Reason> {
    let input = context.input(node, 0)?;
    let axis = match node.ints("perm")? {
        Some(order) => order.iter().position(|&from| usize::try_from(from) == Ok(input.axis)),
        None => context.shape(node.required_input(0)?)?.len().checked_sub(input.axis + 1),
    };
    Ok(axis.map_or_else(|| input.mixed(), |axis| input.along(axis)))
}

/// `Concat`.
pub(super) fn joined(context: &Context<'_>, node: &Node) -> Result<Channels, Reason> {
    let shape = context.shape(node.required_output(0)?)?;
    let axis = axis_of(node, node.int("axis", 0)?, shape.len())?;
    context.check(shape.get(axis).copied().unwrap_or(0))?;
    let mut all = Vec::new();
    for index in 0..node.inputs.len() {
        let input = context.input(node, index)?;
        let size = context.shape(node.required_input(index)?)?.get(axis).copied().unwrap_or(0);
        let by_channel = input.axis == axis && input.all().len() == size;
        let part = if by_channel { input.clone() } else { input.mixed() };
        all.extend((0..size).filter_map(|channel| part.get(channel)));
    }
    Channels::new(axis, all).ok_or_else(|| Reason::new("it has no channels"))
}

/// `Split`: each output has its own part of the channels.
pub(super) fn split(context: &Context<'_>, node: &Node) -> Result<Vec<Channels>, Reason> {
    let input = context.input(node, 0)?;
    let rank = context.shape(node.required_input(0)?)?.len();
    let is_divided = axis_of(node, node.int("axis", 0)?, rank)? == input.axis && !input.are_alike();
    let mut first = 0usize;
    let mut parts = Vec::with_capacity(node.outputs.len());
    for index in 0..node.outputs.len() {
        if !is_divided {
            parts.push(input.clone());
            continue;
        }
        let size = context.shape(node.required_output(index)?)?.get(input.axis).copied().unwrap_or(0);
        let part = input
            .all()
            .get(first..first.saturating_add(size))
            .and_then(|part| Channels::new(input.axis, part.to_vec()));
        parts.push(part.ok_or_else(|| Reason::new("it has no channels"))?);
        first = first.saturating_add(size);
    }
    Ok(parts)
}

/// `Pad` with a number, or with elements of the input.
pub(super) fn padded(context: &Context<'_>, node: &Node) -> Result<Channels, Reason> {
    let input = context.input(node, 0)?;
    if node.string("mode", "constant")? != "constant" {
        return Ok(input.clone());
    }
    let value = match node.input(2) {
        None => 0.0,
        Some(_) => f64::from(context.required_constant(node, 2)?.to_scalar::<f32>()?),
    };
    let reaching = |x: Moments| Moments { low: x.low.min(value), high: x.high.max(value), ..x };
    Ok(input.map(reaching))
}

/// Others whose output has elements of the first input: the channels stay where they are known to.
pub(super) fn moved(context: &Context<'_>, node: &Node) -> Result<Channels, Reason> {
    let input = context.input(node, 0)?;
    let keeps = [&slice::OP, &resize::OP, &upsample::OP, &concat::OP].into_iter().any(|op| node.is(op));
    let is_whole = || {
        let size = |value: &str| context.shape(value).ok()?.get(input.axis).copied();
        Some(size(node.input(0)?)? == size(node.output(0)?)?)
    };
    let is_whole = keeps && is_whole() == Some(true);
    Ok(if is_whole { input.clone() } else { input.mixed() })
}
