//! Concatenation: every part is written to its column slice of the output, if possible by the step that computes it.

use eightbit::ElementType;
use eightbit::elementwise::Requantize;

use super::planned::{by_byte, planned};
use super::{clamp, failed, input, output};
use crate::exec::builder::Builder;
use crate::exec::value::{ColumnSlice, ColumnSlices, Layout};
use crate::exec::workers::Threads;
use crate::ops::shared::indexing;
use crate::{Error, Node};

/// One input of a concatenation.
struct Part {
    /// The input's index in the node.
    index: usize,
    element: ElementType,
    plan: Requantize,
    /// Whether the bytes are copied unchanged.
    same: bool,
    slice: ColumnSlice,
}

/// The parts that a `QLinearConcat` joins, the layout of its output, and whether it joins channels of pixels; `None` if
/// it has no eight-bit step.
fn parts(builder: &Builder<'_>, node: &Node) -> Result<Option<(Vec<Part>, Layout, bool)>, Error> {
    let Some(to) = output(builder, node, 0)? else { return Ok(None) };
    let name = node.required_output(0)?;
    let images = builder.is_image(name);
    let layout = if images { Layout::ChannelsLast } else { Layout::Plain };
    let (low, high) = clamp(node, &to)?;
    let rank = builder.type_of(name)?.shape.len();
    let Some(axis) = indexing::axis(node.int("axis", 1)?, rank) else { return Ok(None) };
    let axis = if images { [0, 3, 1, 2][axis] } else { axis };
    let (mut parts, mut first) = (Vec::new(), 0);
    for index in (2..node.inputs.len()).step_by(3) {
        let Some(from) = input(builder, node, index)? else { return Ok(None) };
        if from.element() != to.element() {
            return Ok(None);
        }
        let mut shape = builder.shape(node, index)?;
        if images {
            shape[1..].rotate_left(1);
        }
        let plan = Requantize::new(builder.backend, from, to).and_then(|plan| plan.clamped(low, high));
        let plan = plan.map_err(|error| failed(node, &error))?;
        let columns = shape[axis..].iter().product();
        let same = from == to && (low, high) == to.element().integer_range();
        parts.push(Part {
            index,
            element: to.element(),
            plan,
            same,
            slice: ColumnSlice { first, columns, stride: 0 },
        });
        first += columns;
    }
    parts.iter_mut().for_each(|part| part.slice.stride = first);
    Ok(Some((parts, layout, images && axis == 3)))
}

/// The column slices of the output of a concatenation that equal its inputs; `None` for inputs that are rescaled or read
/// twice.
pub(crate) fn column_slices<'g>(builder: &Builder<'g>, node: &'g Node) -> Result<ColumnSlices<'g>, Error> {
    let mut slices = ColumnSlices::new();
    let Some((parts, _, of_channels)) = parts(builder, node)? else { return Ok(slices) };
    for part in &parts {
        if let Some(name) = node.input(part.index) {
            let slice = Some(part.slice).filter(|_| of_channels && part.same);
            slices.entry(name).and_modify(|slice| *slice = None).or_insert(slice);
        }
    }
    Ok(slices)
}

/// Inputs: scale and zero of the output, then x, scale, zero of each part.
pub(crate) fn concat(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let Some((parts, layout, _)) = parts(builder, node)? else { return Ok(false) };
    let name = node.required_output(0)?;
    let whole = match builder.found(name, layout) {
        Some((id, _)) => id,
        None => builder.define(name, layout)?,
    };
    for part in parts.iter().filter(|part| part.slice.columns > 0) {
        let from = node.required_input(part.index)?;
        if builder.found(from, layout).is_some_and(|(_, value)| value.slice.is_some()) {
            continue;
        }
        let input = builder.read(from, layout)?;
        let (plan, columns) = (part.plan, part.slice.columns);
        let output = builder.define_part(whole, part.slice);
        let threads = Threads::new(builder.workers, 0);
        let rows = builder.type_of(from)?.shape.iter().product::<usize>() / columns;
        let what = format!("join: {columns} columns of {rows} rows copied, rescaled");
        let kernel = by_byte!(T, part.element, {
            planned(what, threads, move |context, threads| {
                let from = context.input::<T>(0)?;
                threads.run(plan.call_rows(from, context.output_matrix::<T>(0, columns)?)?);
                Ok(())
            })
        });
        builder.push(node, vec![Some(input)], vec![output], kernel);
    }
    Ok(true)
}
