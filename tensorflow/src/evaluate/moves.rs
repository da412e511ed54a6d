//! Operators that put elements elsewhere.

use std::rc::Rc;

use super::NoValue;
use super::arguments::{Arguments, axis, bounded, one};
use super::shapes::non_negative;
use super::value::{Data, Value};

type Result<T = Vec<Value>> = std::result::Result<T, NoValue>;

pub(super) fn concat(arguments: &Arguments<'_>) -> Result {
    let (_, parts) = arguments.inputs.split_first().ok_or(NoValue::Unsupported)?;
    joined(parts, arguments.integer(0)?)
}

pub(super) fn concat_v2(arguments: &Arguments<'_>) -> Result {
    let (_, parts) = arguments.inputs.split_last().ok_or(NoValue::Unsupported)?;
    joined(parts, arguments.integer(parts.len())?)
}

pub(super) fn pack(arguments: &Arguments<'_>) -> Result {
    let first = arguments.input(0)?;
    let at = axis(arguments.integer_attribute("axis", 0), first.shape.len() + 1)?;
    let expanded = arguments.inputs.iter().map(|input| {
        let mut shape = input.shape.clone();
        (input.shape == first.shape).then(|| shape.insert(at, 1)).ok_or(NoValue::Unsupported)?;
        Ok(Rc::new(Value { shape, data: input.data.clone() }))
    });
    let at = i64::try_from(at).map_err(|_| NoValue::Unsupported)?;
    joined(&expanded.collect::<Result<Vec<_>>>()?, at)
}

/// Tensors one after the other along a dimension.
fn joined(parts: &[Rc<Value>], along: i64) -> Result {
    let first = parts.first().ok_or(NoValue::Unsupported)?;
    let along = axis(along, first.shape.len())?;
    let mut shape = first.shape.clone();
    let mut total = 0usize;
    for part in parts {
        let mut own = part.shape.clone();
        let size = own.get_mut(along).ok_or(NoValue::Unsupported)?;
        total = total.checked_add(*size).ok_or(NoValue::Unsupported)?;
        *size = shape[along];
        if own != shape {
            return Err(NoValue::Unsupported);
        }
    }
    shape[along] = total;
    bounded(&shape)?;
    let others: Vec<&Data> = parts.iter().skip(1).map(|part| &part.data).collect();
    let all = first.data.joined(&others).ok_or(NoValue::Unsupported)?;
    let outer: usize = shape[..along].iter().product();
    let mut start = 0;
    let runs: Vec<(usize, usize)> = parts
        .iter()
        .map(|part| {
            let run = (start, part.data.len().checked_div(outer).unwrap_or(0));
            start += part.data.len();
            run
        })
        .collect();
    let positions = (0..outer).flat_map(|row| {
        runs.iter().flat_map(move |&(start, run)| start + row * run..start + (row + 1) * run)
    });
    one(shape, all.gather(positions))
}

pub(super) fn split(arguments: &Arguments<'_>) -> Result {
    let input = arguments.input(1)?;
    let along = axis(arguments.integer(0)?, input.shape.len())?;
    let count = non_negative(arguments.integer_attribute("num_split", 0))?;
    let size = input.shape[along]
        .checked_rem(count)
        .filter(|&rest| rest == 0)
        .and(input.shape[along].checked_div(count));
    let size = size.filter(|_| count <= input.shape[along]).ok_or(NoValue::Unsupported)?;
    (0..count).map(|index| part(input, along, index * size, size)).collect()
}

pub(super) fn unpack(arguments: &Arguments<'_>) -> Result {
    let input = arguments.input(0)?;
    let along = axis(arguments.integer_attribute("axis", 0), input.shape.len())?;
    let parts = (0..input.shape[along]).map(|index| {
        let mut value = part(input, along, index, 1)?;
        value.shape.remove(along);
        Ok(value)
    });
    parts.collect()
}

/// Some of the slices along a dimension.
fn part(input: &Value, along: usize, start: usize, size: usize) -> Result<Value> {
    let inner: usize = input.shape[along + 1..].iter().product();
    let outer: usize = input.shape[..along].iter().product();
    let row = input.shape[along] * inner;
    let mut shape = input.shape.clone();
    shape[along] = size;
    let positions =
        (0..outer).flat_map(|index| index * row + start * inner..index * row + (start + size) * inner);
    Value::new(shape, input.data.gather(positions)).ok_or(NoValue::Unsupported)
}

pub(super) fn gather(arguments: &Arguments<'_>) -> Result {
    let (input, indices) = (arguments.input(0)?, arguments.input(1)?);
    let along = if arguments.inputs.len() > 2 { axis(arguments.integer(2)?, input.shape.len())? } else { 0 };
    let size = *input.shape.get(along).ok_or(NoValue::Unsupported)?;
    if arguments.integer_attribute("batch_dims", 0) != 0 {
        return Err(NoValue::Unsupported);
    }
    let chosen = arguments
        .integers(1)?
        .into_iter()
        .map(|index| non_negative(index).ok().filter(|&index| index < size));
    let chosen: Vec<usize> = chosen.collect::<Option<_>>().ok_or(NoValue::Unsupported)?;
    let shape = [&input.shape[..along], &indices.shape, &input.shape[along + 1..]].concat();
    bounded(&shape)?;
    let inner: usize = input.shape[along + 1..].iter().product();
    let outer: usize = input.shape[..along].iter().product();
    let positions = (0..outer).flat_map(|row| {
        chosen.iter().flat_map(move |&index| (row * size + index) * inner..(row * size + index + 1) * inner)
    });
    one(shape, input.data.gather(positions))
}

pub(super) fn transpose(arguments: &Arguments<'_>) -> Result {
    let input = arguments.input(0)?;
    let rank = input.shape.len();
    let order = arguments.integers(1)?.into_iter().map(|dim| axis(dim, rank)).collect::<Result<Vec<_>>>()?;
    let mut seen = order.clone();
    seen.sort_unstable();
    if !seen.into_iter().eq(0..rank) {
        return Err(NoValue::Unsupported);
    }
    let strides = strides(&input.shape);
    let shape: Vec<usize> = order.iter().map(|&axis| input.shape[axis]).collect();
    let steps: Vec<usize> = order.iter().map(|&axis| strides[axis]).collect();
    one(shape.clone(), input.data.gather(positions(&shape, &steps, 0)))
}

pub(super) fn tile(arguments: &Arguments<'_>) -> Result {
    let input = arguments.input(0)?;
    let multiples = arguments.integers(1)?.into_iter().map(non_negative).collect::<Result<Vec<_>>>()?;
    if multiples.len() != input.shape.len() {
        return Err(NoValue::Unsupported);
    }
    let sizes = input.shape.iter().zip(&multiples).map(|(&size, &multiple)| size.checked_mul(multiple));
    let shape: Vec<usize> = sizes.collect::<Option<_>>().ok_or(NoValue::Unsupported)?;
    let count = bounded(&shape)?;
    let strides = strides(&input.shape);
    let source = |index: usize| {
        let mut rest = index;
        let axes = (0..shape.len()).rev().map(|axis| {
            let at = rest % shape[axis];
            rest /= shape[axis];
            (at % input.shape[axis]) * strides[axis]
        });
        axes.sum()
    };
    one(shape.clone(), input.data.gather((0..count).map(source)))
}

/// How far apart neighbours along each dimension are.
pub(super) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Positions of the elements of a result, whose neighbours along each dimension are `steps` apart, which may wrap below zero.
pub(super) fn positions(shape: &[usize], steps: &[usize], start: usize) -> impl Iterator<Item = usize> {
    let count: usize = shape.iter().product();
    (0..count).map(move |index| {
        let mut rest = index;
        (0..shape.len()).rev().fold(start, |position, axis| {
            let at = rest % shape[axis];
            rest /= shape[axis];
            position.wrapping_add(at.wrapping_mul(steps[axis]))
        })
    })
}
