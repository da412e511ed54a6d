//! Operators that put tensors together or take parts of them.

use super::arguments::Arguments;
use super::indexing::{for_each_index, strides};
use crate::{Element, Error, Tensor, TensorData, quoted};

/// Calls a function that is generic over the elements with the elements of the first input.
macro_rules! by_element {
    ($args:expr, $input:expr, $function:ident) => {
        match $input.data() {
            TensorData::F32(x) => $function($args, x),
            TensorData::F64(x) => $function($args, x),
            TensorData::U8(x) => $function($args, x),
            TensorData::I8(x) => $function($args, x),
            TensorData::I32(x) => $function($args, x),
            TensorData::I64(x) => $function($args, x),
            TensorData::Bool(x) => $function($args, x),
        }
    };
}

pub(super) fn concat(args: &Arguments<'_>) -> Result<Tensor, Error> {
    fn joined<T: Element>(args: &Arguments<'_>, _first: &[T]) -> Result<Tensor, Error> {
        let inputs = args.all()?;
        let mut shape = inputs[0].shape().to_vec();
        let Some(axis) = args.node().optional_int("axis")? else {
            return Err(Error::attribute(args.node(), "axis", "is missing"));
        };
        let axis = args.axis(axis, shape.len())?;
        shape[axis] = 0;
        for input in &inputs {
            let dims = input.shape();
            let fits = dims.len() == shape.len()
                && dims.iter().zip(&shape).enumerate().all(|(at, (a, b))| at == axis || a == b);
            if !fits {
                return Err(args.error(format!(
                    "shapes {:?} and {dims:?} cannot be joined along axis {axis}",
                    inputs[0].shape()
                )));
            }
            shape[axis] = shape[axis].saturating_add(dims[axis]);
        }
        let count = args.count(&shape)?;
        if count == 0 {
            return Tensor::new(shape, T::wrap(Vec::new()));
        }
        let mut result: Vec<T> = Vec::with_capacity(count);
        let runs = args.count(&shape[..axis])?;
        for run in 0..runs {
            for input in &inputs {
                let len = input.len() / runs;
                result.extend_from_slice(&input.values::<T>()?[run * len..][..len]);
            }
        }
        Tensor::new(shape, T::wrap(result))
    }
    by_element!(args, args.all()?[0], joined)
}

/// `pads` elements are added before and after each axis, or removed where it is negative. What is removed is removed
/// first: it does not come back where the other end repeats elements (as ONNX Runtime has it; ONNX does not say).
pub(super) fn pad(args: &Arguments<'_>) -> Result<Tensor, Error> {
    fn padded<T: Element>(args: &Arguments<'_>, x: &[T]) -> Result<Tensor, Error> {
        let dims = args.tensor(0)?.shape();
        let mode = args.node().string("mode", "constant")?;
        let fill = if mode == "constant" { args.optional_scalar::<T>(2)? } else { None };
        let fill = fill.unwrap_or_default();
        let axes: Vec<usize> = match args.optional(3) {
            None => (0..dims.len()).collect(),
            Some(axes) => {
                axes.as_i64()?.iter().map(|&axis| args.axis(axis, dims.len())).collect::<Result<_, _>>()?
            }
        };
        let pads = args.values::<i64>(1)?;
        if pads.len() != 2 * axes.len() {
            return Err(args.error(format!("{} pads for {} axes", pads.len(), axes.len())));
        }
        let mut before = vec![0i64; dims.len()];
        // What is left of each axis: the first element and their number.
        let mut kept: Vec<(i64, i64)> = dims.iter().map(|&size| (0, size as i64)).collect();
        let mut shape = dims.to_vec();
        for (position, &axis) in axes.iter().enumerate() {
            before[axis] = pads[position];
            let after = pads[axes.len() + position];
            shape[axis] = (dims[axis] as i64)
                .checked_add(pads[position])
                .and_then(|size| size.checked_add(after))
                .and_then(|size| usize::try_from(size).ok())
                .ok_or_else(|| args.error(format!("pads {pads:?} do not fit shape {dims:?}")))?;
            let (first, end) = (before[axis].saturating_neg().max(0), dims[axis] as i64 + after.min(0));
            kept[axis] = (first, end.saturating_sub(first).max(0));
        }
        let count = args.count(&shape)?;
        if count == 0 {
            return Tensor::new(shape, T::wrap(Vec::new()));
        }
        // Where each coordinate of the output comes from, axis by axis; `None` is the fill value.
        let mut sources: Vec<Vec<Option<usize>>> = Vec::with_capacity(dims.len());
        for axis in 0..dims.len() {
            let (first, size) = kept[axis];
            if size == 0 && shape[axis] > 0 && mode != "constant" {
                return Err(
                    args.error(format!("mode {} has nothing to repeat along axis {axis}", quoted(mode)))
                );
            }
            let source = |at: usize| {
                let inside = source(mode, at as i64 - before[axis].max(0), size)?;
                Ok(inside.map(|inside| inside + first as usize))
            };
            let along: Result<Vec<_>, ()> = (0..shape[axis]).map(source).collect();
            sources.push(along.map_err(|()| args.unsupported(format!("mode {}", quoted(mode))))?);
        }
        let strides = strides(dims);
        let mut result = Vec::with_capacity(count);
        for_each_index(&shape, |index| {
            let offset: Option<usize> = index
                .iter()
                .enumerate()
                .map(|(axis, &at)| sources[axis][at].map(|from| from * strides[axis]))
                .sum();
            result.push(offset.map_or(fill, |offset| x[offset]));
        });
        Tensor::new(shape, T::wrap(result))
    }
    by_element!(args, args.tensor(0)?, padded)
}

/// The coordinate that position `at` of a padded axis of `size` shows; an error if the mode is not known.
fn source(mode: &str, at: i64, size: i64) -> Result<Option<usize>, ()> {
    let inside = |at: i64| Some(at as usize).filter(|_| (0..size).contains(&at));
    match mode {
        "constant" => Ok(inside(at)),
        "edge" => Ok(inside(at.clamp(0, size - 1))),
        "wrap" => Ok(inside(at.rem_euclid(size))),
        "reflect" => {
            // The elements forth and back, the ends once: a period of 2·(size − 1).
            let period = (2 * (size - 1)).max(1);
            let at = at.rem_euclid(period);
            Ok(inside(if at < size { at } else { period - at }))
        }
        _ => Err(()),
    }
}

pub(super) fn slice(args: &Arguments<'_>) -> Result<Tensor, Error> {
    fn sliced<T: Element>(args: &Arguments<'_>, x: &[T]) -> Result<Tensor, Error> {
        let dims = args.tensor(0)?.shape();
        let indices = |index: usize| -> Result<Option<Vec<i64>>, Error> {
            Ok(match args.optional(index).map(Tensor::data) {
                None => None,
                Some(TensorData::I64(values)) => Some(values.clone()),
                Some(TensorData::I32(values)) => Some(values.iter().map(|&value| value.into()).collect()),
                Some(other) => return Err(args.wrong_type(other.data_type())),
            })
        };
        let missing = || args.error("starts and ends are missing");
        let starts = indices(1)?.ok_or_else(missing)?;
        let ends = indices(2)?.ok_or_else(missing)?;
        let axes = indices(3)?.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = indices(4)?.unwrap_or_else(|| vec![1; starts.len()]);
        if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
            return Err(args.error("starts, ends, axes and steps differ in length"));
        }
        let mut first = vec![0i64; dims.len()];
        let mut step = vec![1i64; dims.len()];
        let mut shape = dims.to_vec();
        for position in 0..starts.len() {
            let axis = args.axis(axes[position], dims.len())?;
            let (size, by) = (dims[axis] as i64, steps[position]);
            if by == 0 {
                return Err(args.error("a step of 0"));
            }
            let wrapped = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
            // Going down, a range ends before the element −1.
            let (low, high) = if by > 0 { (0, size) } else { (-1, size - 1) };
            let start = wrapped(starts[position]).clamp(low.max(0), high.max(0));
            let end = wrapped(ends[position]).clamp(low, high);
            let distance = if by > 0 { end - start } else { start - end };
            (first[axis], step[axis]) = (start, by);
            let size = (distance.max(0) as u64).div_ceil(by.unsigned_abs());
            shape[axis] = if dims[axis] == 0 { 0 } else { size as usize };
        }
        let strides = strides(dims);
        let mut result = Vec::with_capacity(args.count(&shape)?);
        for_each_index(&shape, |index| {
            let at = |axis: usize| (first[axis] + index[axis] as i64 * step[axis]) as usize;
            result.push(x[(0..index.len()).map(|axis| at(axis) * strides[axis]).sum::<usize>()]);
        });
        Tensor::new(shape, T::wrap(result))
    }
    by_element!(args, args.tensor(0)?, sliced)
}

/// Slices of the first input along `axis`, in the order and shape of the indices.
pub(super) fn gather(args: &Arguments<'_>) -> Result<Tensor, Error> {
    fn gathered<T: Element>(args: &Arguments<'_>, x: &[T]) -> Result<Tensor, Error> {
        let (dims, indices) = (args.tensor(0)?.shape(), args.tensor(1)?);
        let axis = args.axis(args.node().int("axis", 0)?, dims.len())?;
        let at: Vec<i64> = match indices.data() {
            TensorData::I64(values) => values.clone(),
            TensorData::I32(values) => values.iter().map(|&value| value.into()).collect(),
            other => return Err(args.wrong_type(other.data_type())),
        };
        let at: Vec<usize> = at
            .into_iter()
            .map(|index| {
                super::indexing::axis(index, dims[axis])
                    .ok_or_else(|| args.error(format!("index {index} is out of range for {}", dims[axis])))
            })
            .collect::<Result<_, _>>()?;
        let shape = [&dims[..axis], indices.shape(), &dims[axis + 1..]].concat();
        let count = args.count(&shape)?;
        if count == 0 {
            return Tensor::new(shape, T::wrap(Vec::new()));
        }
        let mut result = Vec::with_capacity(count);
        let run = args.count(&dims[axis + 1..])?;
        for outer in 0..args.count(&dims[..axis])? {
            for &at in &at {
                result.extend_from_slice(&x[(outer * dims[axis] + at) * run..][..run]);
            }
        }
        Tensor::new(shape, T::wrap(result))
    }
    by_element!(args, args.tensor(0)?, gathered)
}
