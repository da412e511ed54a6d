//! Steps of TensorFlow's eight-bit operators, whose tensors carry their ranges beside them: which byte means 0 is known when the step
//! runs. Images are NHWC by their shapes.

pub(crate) mod bytes;
mod chain;
pub(crate) mod concat;
pub(crate) mod pairs;
pub(crate) mod pool;
pub(crate) mod products;
mod requantized;
pub(crate) mod sums;

use super::planned::{Failure, planned};
use crate::exec::builder::Builder;
use crate::exec::step::{StepContext, StepKernel};
use crate::exec::value::Layout;
use crate::exec::workers::Workers;
use crate::ops::shared::code_range::CodeRange;
use crate::{Element, Error, Node};

/// Elements that are not worth a second thread.
const SMALL: usize = 1 << 14;

/// Whether a node names its first `count` outputs, and no others.
fn has_outputs(node: &Node, count: usize) -> bool {
    node.outputs.len() == count && node.outputs.iter().all(|name| !name.is_empty())
}

/// Adds a step that reads all inputs of a node and writes all its outputs, in the order of their shapes.
fn push(builder: &mut Builder<'_>, node: &Node, kernel: Box<dyn StepKernel>) -> Result<bool, Error> {
    push_as(builder, node, &node.outputs, kernel)
}

/// As [`push`], for a step that writes `outputs` instead.
fn push_as(
    builder: &mut Builder<'_>,
    node: &Node,
    outputs: &[String],
    kernel: Box<dyn StepKernel>,
) -> Result<bool, Error> {
    let mut inputs = Vec::with_capacity(node.inputs.len());
    for index in 0..node.inputs.len() {
        inputs.push(node.input(index).map(|name| builder.read(name, Layout::Plain)).transpose()?);
    }
    let outputs = outputs.iter().map(|name| builder.define(name, Layout::Plain));
    let outputs = outputs.collect::<Result<Vec<_>, _>>()?;
    builder.push(node, inputs, outputs, kernel);
    Ok(true)
}

/// A step that runs `call` with the workers of the plan and its memory, which is `memory` before the first run.
fn step<M: Clone + Send + Sync + 'static>(
    builder: &Builder<'_>,
    description: impl Into<String>,
    memory: M,
    call: impl Fn(&mut StepContext<'_>, &Workers, &mut M) -> Result<(), Error> + Send + Sync + 'static,
) -> Box<dyn StepKernel> {
    let workers = builder.workers.clone();
    planned(description, memory, move |context, memory| {
        call(context, &workers, memory).map_err(Failure::from)
    })
}

/// The single float in input `index` of a step.
fn float(context: &StepContext<'_>, index: usize) -> Result<f32, Error> {
    match context.input::<f32>(index)? {
        &[float] => Ok(float),
        _ => Err(context.error(format!("input {index} must be a single number"))),
    }
}

/// The range in inputs `min` and `max` of a step.
fn range(context: &StepContext<'_>, min: usize, max: usize) -> Result<CodeRange, Error> {
    Ok(CodeRange { min: float(context, min)?, max: float(context, max)? })
}

/// Writes a range to outputs `index` and `index + 1`.
fn store(context: &mut StepContext<'_>, index: usize, range: CodeRange) -> Result<(), Error> {
    context.output::<f32>(index)?.fill(range.min);
    context.output::<f32>(index + 1)?.fill(range.max);
    Ok(())
}

/// Computes output 0 from as many elements of input 0, in whole rows of `row` elements.
fn by_element<I: Element + Sync, O: Element + Send>(
    context: &mut StepContext<'_>,
    workers: &Workers,
    row: usize,
    work: impl Fn(&[I], &mut [O]) + Copy + Send + Sync,
) -> Result<(), Error> {
    let x = context.input::<I>(0)?;
    let out = context.output::<O>(0)?;
    worth(workers, x.len()).by_rows(out, row, |first, part| {
        let first = first * row;
        work(x.get(first..first + part.len()).unwrap_or_default(), part);
    });
    Ok(())
}

/// As many of the workers as `len` elements are worth.
fn worth(workers: &Workers, len: usize) -> Workers {
    workers.if_worth(len >= SMALL)
}
