//! `Compress`: the elements, or the slices along `axis`, for which the condition is true.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_element;
use super::shared::data_dependent;
use super::shared::inputs::Inputs;
use crate::{Element, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    since: 9,
    examples: &[
        Example::new(
            &[Input::Floats(&[2, 4]), Input::Flags(&[false, true, true])],
            &[("axis", Value::Int(1))],
        ),
        Example::new(&[Input::Bytes(&[2, 2]), Input::Flags(&[true, false, false, true])], &[]),
    ],
    sizes_from: &[1],
    ..Operator::new("Compress", "the elements or slices that a condition selects", infer, evaluate)
};

/// The axis, if there is one, and the shape of the output for these selected indices.
fn shape(node: &Node, from: &[usize], selected: &[usize]) -> Result<(Option<usize>, Vec<usize>), Error> {
    let axis = node.optional_int("axis")?;
    let axis = axis.map(|axis| super::shared::indexing::axis_of(node, axis, from.len())).transpose()?;
    let (limit, shape) = match axis {
        None => (from.iter().fold(1usize, |count, &size| count.saturating_mul(size)), vec![selected.len()]),
        Some(axis) => (from[axis], [&from[..axis], &[selected.len()], &from[axis + 1..]].concat()),
    };
    match selected.last() {
        Some(&last) if last >= limit => {
            Err(Error::node(node, format!("the condition selects element {last} of {limit}")))
        }
        _ => Ok((axis, shape)),
    }
}

fn selected(condition: &Tensor) -> Result<Vec<usize>, Error> {
    let set = condition.as_bool()?.iter().enumerate().filter(|(_, set)| **set);
    Ok(set.map(|(index, _)| index).collect())
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    inputs.get(1)?;
    let condition = inputs.value_of(1).ok_or_else(|| data_dependent::unknown(inputs))?;
    let (_, shape) = shape(inputs.node, inputs.shape(0)?, &selected(condition)?)?;
    inputs.like(0, shape)
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn kept<T: Element>(args: &Arguments<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
        let from = args.tensor(0)?.shape();
        let selected = selected(args.tensor(1)?)?;
        let (axis, shape) = shape(args.node(), from, &selected)?;
        // Without an axis, the input is one line.
        let (size, run) = match axis {
            None => (x.len(), 1),
            Some(axis) => (from[axis], args.count(&from[axis + 1..])?),
        };
        let mut kept = Vec::with_capacity(args.count(&shape)?);
        for slices in x.chunks_exact((size * run).max(1)) {
            for &index in &selected {
                kept.extend_from_slice(&slices[index * run..][..run]);
            }
        }
        Ok(vec![Tensor::new(shape, T::wrap(kept))?])
    }
    by_element!(args, args.tensor(0)?, kept)
}
