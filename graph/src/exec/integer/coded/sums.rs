//! 32-bit codes: their range, and codes of eight bits for them.

use super::{by_element, has_outputs, push, range, step, store, threads};
use crate::exec::builder::Builder;
use crate::exec::parallel::by_rows;
use crate::exec::step::StepContext;
use crate::ops::requantization_range::{extremes, used};
use crate::ops::shared::requantizer::RequantizeTo;
use crate::{DataType, Error, Node};

/// The least and the greatest code that a thread has seen.
pub(super) type Extremes = (i32, i32);

pub(crate) fn range_of(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let x = builder.type_of(node.required_input(0)?)?.data_type;
    if x != DataType::I32 || !has_outputs(node, 2) {
        return Ok(false);
    }
    let mut found: Vec<Extremes> = vec![(0, 0); builder.threads];
    let kernel = step(builder, "range of 32-bit codes", (), move |context, states| {
        let all = range(context, 1, 2)?;
        let extremes = of_parts(context, &mut found, states)?;
        store(context, 0, used(extremes, all))
    });
    push(builder, node, kernel)
}

/// The extremes of input 0, which each thread finds for a part of it.
fn of_parts(context: &StepContext<'_>, found: &mut [Extremes], states: &mut [()]) -> Result<Extremes, Error> {
    let x = context.input::<i32>(0)?;
    let states = threads(states, x.len());
    let found = found.get_mut(..states.len()).unwrap_or_default();
    let len = x.len().div_ceil(states.len().max(1));
    by_rows(found, 1, states, |first, found, ()| {
        for (index, found) in found.iter_mut().enumerate() {
            let part = x.chunks(len.max(1)).nth(first + index);
            *found = extremes(part.unwrap_or_default());
        }
    });
    let join = |(a, b): Extremes, &(c, d): &Extremes| (a.min(c), b.max(d));
    Ok(found.iter().fold((i32::MAX, i32::MIN), join))
}

pub(crate) fn requantize(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let x = builder.type_of(node.required_input(0)?)?.data_type;
    if x != DataType::I32 || !has_outputs(node, 3) {
        return Ok(false);
    }
    match builder.type_of(node.required_output(0)?)?.data_type {
        DataType::U8 => requantize_to::<u8>(builder, node),
        DataType::I8 => requantize_to::<i8>(builder, node),
        _ => Ok(false),
    }
}

fn requantize_to<T: RequantizeTo + Send>(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let kernel = step(builder, "requantize 32-bit codes", (), |context, states| {
        let (from, to) = (range(context, 1, 2)?, range(context, 3, 4)?);
        by_element(context, states, 1, |sums, codes| T::requantize(from, to, sums, codes))?;
        store(context, 1, to)
    });
    push(builder, node, kernel)
}
