//! 32-bit codes: their range, and codes of eight bits for them.

use eightbit::Backend;
use eightbit_kernels::elementwise::{extremes, requantize_codes};

use super::{by_element, has_outputs, push, range, step, store, worth};
use crate::exec::builder::Builder;
use crate::exec::step::{StepContext, StepKernel};
use crate::exec::workers::Workers;
use crate::ops::requantization_range::used;
use crate::ops::shared::code_range::CodeRange;
use crate::ops::shared::requantizer::{RequantizeTo, fixed_point};
use crate::{DataType, Element, Error, Node};

/// The least and the greatest code that a thread has seen.
pub(super) type Extremes = (i32, i32);

pub(crate) fn range_of(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let x = builder.type_of(node.required_input(0)?)?.data_type;
    if x != DataType::I32 || !has_outputs(node, 2) {
        return Ok(false);
    }
    let backend = builder.backend;
    let found: Vec<Extremes> = vec![(0, 0); builder.workers.parts()];
    let kernel = step(builder, "range of 32-bit codes", found, move |context, workers, found| {
        let all = range(context, 1, 2)?;
        let extremes = of_parts(context, backend, found, workers)?;
        store(context, 0, used(extremes, all))
    });
    push(builder, node, kernel)
}

/// The extremes of input 0, which each thread finds for a part of it.
fn of_parts(
    context: &StepContext<'_>,
    backend: Backend,
    found: &mut [Extremes],
    workers: &Workers,
) -> Result<Extremes, Error> {
    let x = context.input::<i32>(0)?;
    let workers = worth(workers, x.len());
    let found = found.get_mut(..workers.parts()).unwrap_or_default();
    let len = x.len().div_ceil(workers.parts());
    workers.by_rows(found, 1, |first, found| {
        for (index, found) in found.iter_mut().enumerate() {
            let part = x.chunks(len.max(1)).nth(first + index);
            *found = extremes(backend, part.unwrap_or_default());
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
    let kernel = match builder.type_of(node.required_output(0)?)?.data_type {
        DataType::U8 => {
            let backend = builder.backend;
            requantize_by(builder, move |from, to, sums, codes| {
                requantize_codes(backend, sums, fixed_point(from, to), [0, u8::MAX], codes);
            })
        }
        DataType::I8 => requantize_by(builder, i8::requantize),
        _ => return Ok(false),
    };
    push(builder, node, kernel)
}

fn requantize_by<T: Element + Send>(
    builder: &Builder<'_>,
    requantize: impl Fn(CodeRange, CodeRange, &[i32], &mut [T]) + Copy + Send + Sync + 'static,
) -> Box<dyn StepKernel> {
    step(builder, "requantize 32-bit codes", (), move |context, workers, ()| {
        let (from, to) = (range(context, 1, 2)?, range(context, 3, 4)?);
        by_element(context, workers, 1, |sums, codes| requantize(from, to, sums, codes))?;
        store(context, 1, to)
    })
}
