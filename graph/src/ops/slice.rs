//! `Slice`: along each axis, elements from `start` to `end`, `step` apart.

use super::eight_bit::EightBit;
use super::example::{Example, Input};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::axes;
use super::shared::by_element::by_element;
use super::shared::indexing::{axis_of, for_each_index, strides};
use super::shared::inputs::Inputs;
use super::shared::upgrade::Constants;
use crate::exec::builder::Builder;
use crate::exec::strided;
use crate::{Element, Error, Node, Tensor, TensorData, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(
            &[
                Input::Floats(&[1, 4, 5, 6]),
                Input::Integers(&[1, -1]),
                Input::Integers(&[3, i64::MIN]),
                Input::Integers(&[1, -1]),
                Input::Integers(&[1, -2]),
            ],
            &[],
        ),
        Example::new(&[Input::Bytes(&[5, 3]), Input::Integers(&[-2]), Input::Integers(&[i64::MAX])], &[]),
    ],
    eight_bit: EightBit::MOVE,
    upgrade,
    lower,
    ..Operator::new("Slice", "ranges of the elements along axes, with steps", infer, evaluate)
};

/// The elements that a slice selects.
struct Ranges {
    first: Vec<i64>,
    step: Vec<i64>,
    shape: Vec<usize>,
}

impl Ranges {
    /// The ranges for a tensor of shape `from`, by inputs 1 to 4.
    fn new(node: &Node, from: &[usize], inputs: [Option<&Tensor>; 4]) -> Result<Self, Error> {
        let mut lists = [const { None }; 4];
        for (list, input) in lists.iter_mut().zip(inputs) {
            *list = input.map(|tensor| integers(node, tensor)).transpose()?;
        }
        let [Some(starts), Some(ends), axes, steps] = lists else {
            return Err(Error::node(node, "starts and ends are missing"));
        };
        let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
        if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
            return Err(Error::node(node, "starts, ends, axes and steps differ in length"));
        }
        axes::named(node, &axes, from.len())?;
        let mut ranges = Self { first: vec![0; from.len()], step: vec![1; from.len()], shape: from.to_vec() };
        for (index, &by) in steps.iter().enumerate() {
            let axis = axis_of(node, axes[index], from.len())?;
            let size = i64::try_from(from[axis]).map_err(|_| Error::node(node, "too large"))?;
            if by == 0 {
                return Err(Error::node(node, "a step of 0"));
            }
            let wrapped = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
            // With a negative step, a range ends before the element −1.
            let (low, high) = if by > 0 { (0, size) } else { (-1, size - 1) };
            let start = wrapped(starts[index]).clamp(low.max(0), high.max(0));
            let end = wrapped(ends[index]).clamp(low, high);
            let distance = if by > 0 { end - start } else { start - end };
            (ranges.first[axis], ranges.step[axis]) = (start, by);
            let taken = (distance.max(0) as u64).div_ceil(by.unsigned_abs());
            ranges.shape[axis] = if size == 0 { 0 } else { taken as usize };
        }
        Ok(ranges)
    }
}

fn integers(node: &Node, tensor: &Tensor) -> Result<Vec<i64>, Error> {
    match tensor.data() {
        TensorData::I64(values) => Ok(values.clone()),
        TensorData::I32(values) => Ok(values.iter().map(|&value| value.into()).collect()),
        other => Err(Error::node(node, format!("starts, ends, axes or steps of type {}", other.data_type()))),
    }
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    let given = [inputs.value(1)?, inputs.value(2)?, inputs.value(3)?, inputs.value(4)?];
    Ok(vec![TensorType::new(x.data_type, Ranges::new(inputs.node, &x.shape, given)?.shape)])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fn sliced<T: Element>(args: &Arguments<'_>, x: &[T]) -> Result<Vec<Tensor>, Error> {
        let from = args.tensor(0)?.shape();
        let given = [1, 2, 3, 4].map(|index| args.optional(index));
        let Ranges { first, step, shape } = Ranges::new(args.node(), from, given)?;
        let strides = strides(from);
        let mut taken = Vec::with_capacity(args.count(&shape)?);
        for_each_index(&shape, |index| {
            let at = |axis: usize| (first[axis] + index[axis] as i64 * step[axis]) as usize;
            taken.push(x[(0..index.len()).map(|axis| at(axis) * strides[axis]).sum::<usize>()]);
        });
        Ok(vec![Tensor::new(shape, T::wrap(taken))?])
    }
    by_element!(args, args.tensor(0)?, sliced)
}

/// A step that copies, if the ranges are known and go forward.
fn lower(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let from = builder.shape(node, 0)?;
    let given = [1, 2, 3, 4].map(|index| builder.constant_input(node, index));
    if (1..5).zip(&given).any(|(index, tensor)| node.input(index).is_some() && tensor.is_none()) {
        return Ok(false);
    }
    let Ranges { first, step, shape } = Ranges::new(node, &from, given)?;
    let own = strides(&from);
    let positive = |all: &[i64]| all.iter().map(|&by| usize::try_from(by).ok()).collect::<Option<Vec<_>>>();
    let (Some(first), Some(step)) = (positive(&first), positive(&step)) else { return Ok(false) };
    let begin = first.iter().zip(&own).map(|(at, stride)| at * stride).sum();
    // A step beyond the last element is never taken.
    let strides: Vec<usize> =
        step.iter().zip(&own).map(|(step, stride)| step.saturating_mul(*stride)).collect();
    strided::lower(builder, node, begin, &shape, &strides)
}

/// `starts`, `ends` and `axes` became inputs with operator set 10.
fn upgrade(mut node: Node, version: i64, constants: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    if version < 10 {
        for (index, name) in ["starts", "ends", "axes"].into_iter().enumerate() {
            constants.ints_to_input(&mut node, name, index + 1)?;
        }
    }
    Ok(vec![node])
}
