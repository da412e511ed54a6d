//! `Slice` and `StridedSlice`.

use super::NoValue;
use super::arguments::{Arguments, one};
use super::moves::{positions, strides};
use super::shapes::non_negative;
use super::value::Value;

type Result<T = Vec<Value>> = std::result::Result<T, NoValue>;

pub(super) fn slice(arguments: &Arguments<'_>) -> Result {
    let input = arguments.input(0)?;
    let (begin, size) = (arguments.integers(1)?, arguments.integers(2)?);
    if begin.len() != input.shape.len() || size.len() != input.shape.len() {
        return Err(NoValue::Unsupported);
    }
    let ranges = input.shape.iter().zip(begin).zip(size).map(|((&own, begin), size)| {
        let begin = non_negative(begin)?;
        let rest = own.checked_sub(begin).ok_or(NoValue::Unsupported)?;
        let size = if size == -1 { rest } else { non_negative(size)? };
        if size > rest { Err(NoValue::Unsupported) } else { Ok((begin, size)) }
    });
    let ranges = ranges.collect::<Result<Vec<_>>>()?;
    let steps = strides(&input.shape);
    let start = ranges.iter().zip(&steps).map(|((begin, _), step)| begin * step).sum();
    let shape: Vec<usize> = ranges.into_iter().map(|(_, size)| size).collect();
    one(shape.clone(), input.data.gather(positions(&shape, &steps, start)))
}

/// Without ellipses and new dimensions, which are left to the graph.
pub(super) fn strided_slice(arguments: &Arguments<'_>) -> Result {
    let input = arguments.input(0)?;
    let [begins, ends, steps] = [arguments.integers(1)?, arguments.integers(2)?, arguments.integers(3)?];
    let mask = |name: &str| arguments.integer_attribute(name, 0);
    let is_plain = mask("ellipsis_mask") == 0 && mask("new_axis_mask") == 0;
    let count = begins.len();
    if !is_plain || ends.len() != count || steps.len() != count || count > input.shape.len().min(32) {
        return Err(NoValue::Unsupported);
    }
    let has = |name: &str, axis: usize| mask(name) >> axis & 1 == 1;
    let own = strides(&input.shape);
    let (mut shape, mut moves, mut start, mut is_one) = (Vec::new(), Vec::new(), 0, Vec::new());
    for (axis, &size) in input.shape.iter().enumerate() {
        let (begin, end, step) = match (begins.get(axis), ends.get(axis), steps.get(axis)) {
            (Some(&begin), Some(&end), Some(&step)) => (begin, end, step),
            _ => (0, i64::MAX, 1),
        };
        let size = i64::try_from(size).map_err(|_| NoValue::Unsupported)?;
        let is_single = axis < count && has("shrink_axis_mask", axis);
        if step == 0 || step == i64::MIN || (is_single && step < 0) {
            return Err(NoValue::Unsupported);
        }
        // The range of places before and behind which nothing is.
        let (low, high) = if step > 0 { (0, size) } else { (-1, size - 1) };
        let place = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
        let first = match axis < count && has("begin_mask", axis) && !is_single {
            true if step > 0 => low,
            true => high,
            false => place(begin).clamp(low, high),
        };
        let last = match axis < count && has("end_mask", axis) {
            true if step > 0 => high,
            true => low,
            false => place(end).clamp(low, high),
        };
        let length = match is_single {
            true if (0..size).contains(&place(begin)) => 1,
            true => return Err(NoValue::Unsupported),
            false => {
                ((last - first).signum() * step.signum()).max(0)
                    * (((last - first).abs() + step.abs() - 1) / step.abs())
            }
        };
        shape.push(non_negative(length)?);
        is_one.push(is_single);
        // Steps back wrap, and so do the positions.
        moves.push((step as usize).wrapping_mul(own[axis]));
        start += usize::try_from(first).unwrap_or(0) * own[axis];
    }
    let data = input.data.gather(positions(&shape, &moves, start));
    let kept = shape.iter().zip(is_one).filter(|(_, is_one)| !is_one).map(|(&size, _)| size);
    one(kept.collect(), data)
}
