//! Shared by operators that reduce axes to one element.

use super::super::example::{Example, Input, Value};
use super::super::operator::{Evaluate, Operator};
use super::arguments::Arguments;
use super::axes;
use super::indexing::{Offsets, strides};
use super::inputs::Inputs;
use crate::{Element, Error, Node, Tensor, TensorData, TensorType};

/// A reduction of axes of a shape.
pub(crate) struct Reduction {
    /// The output's shape.
    pub(crate) shape: Vec<usize>,
    /// The number of outputs.
    pub(crate) count: usize,
    /// The input's shape.
    from: Vec<usize>,
    /// The output's strides along the input's axes: 0 for reduced ones.
    strides: Vec<usize>,
}

impl Reduction {
    /// The reduction of a tensor of shape `from` along the axes that are `reduced`.
    pub(crate) fn new(node: &Node, from: &[usize], reduced: &[bool]) -> Result<Self, Error> {
        let kept: Vec<usize> =
            from.iter().zip(reduced).map(|(&size, &reduced)| if reduced { 1 } else { size }).collect();
        let mut own = strides(&kept);
        for (stride, &reduced) in own.iter_mut().zip(reduced) {
            if reduced {
                *stride = 0;
            }
        }
        let count = kept.iter().product();
        let shape = if node.flag("keepdims", true)? {
            kept
        } else {
            from.iter().zip(reduced).filter(|&(_, &reduced)| !reduced).map(|(&size, _)| size).collect()
        };
        Ok(Self { shape, count, from: from.to_vec(), strides: own })
    }

    /// For each element of the input, the index of its output.
    pub(crate) fn outputs(&self) -> Offsets {
        Offsets::new(&self.from, &self.strides)
    }

    /// For each output, `step` applied to `start` and the elements `x` in turn.
    pub(crate) fn accumulate<T: Copy, R: Copy>(
        &self,
        x: impl Iterator<Item = T>,
        start: R,
        step: impl Fn(R, T) -> R,
    ) -> Vec<R> {
        let mut results = vec![start; self.count];
        for (x, at) in x.zip(self.outputs()) {
            results[at] = step(results[at], x);
        }
        results
    }
}

/// An operator that reduces axes to one element.
pub(crate) const fn operator(name: &'static str, summary: &'static str, evaluate: Evaluate) -> Operator {
    const EXAMPLES: &[Example] = &[
        Example::new(&[Input::Floats(&[2, 3, 4]), Input::Integers(&[-1])], &[("keepdims", Value::Int(0))]),
        Example::new(&[Input::Floats(&[2, 3, 4])], &[]),
    ];
    Operator { examples: EXAMPLES, ..Operator::new(name, summary, infer, evaluate) }
}

/// Which axes of a tensor of `rank` the list `axes` reduces: all or none if it is empty.
fn reduced(node: &Node, axes: Option<&[i64]>, rank: usize) -> Result<Vec<bool>, Error> {
    match axes.filter(|axes| !axes.is_empty()) {
        Some(axes) => axes::named(node, axes, rank),
        None => Ok(vec![!node.flag("noop_with_empty_axes", false)?; rank]),
    }
}

/// The shape rule of reductions: axes as an input, or as an attribute (before operator set 18).
fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    let axes = match inputs.node.input(1) {
        Some(_) => inputs.integers(1)?,
        None => inputs.node.ints("axes")?,
    };
    Ok(vec![TensorType::new(x.data_type, reduced_shape(inputs.node, &x.shape, axes)?)])
}

/// The output shape for `from` with `axes` reduced by the node.
pub(crate) fn reduced_shape(node: &Node, from: &[usize], axes: Option<&[i64]>) -> Result<Vec<usize>, Error> {
    Ok(Reduction::new(node, from, &reduced(node, axes, from.len())?)?.shape)
}

/// The node's reduction.
pub(crate) fn reduction(args: &Arguments<'_>) -> Result<Reduction, Error> {
    let from = args.tensor(0)?.shape();
    Reduction::new(args.node(), from, &reduced(args.node(), args.axes(1)?.as_deref(), from.len())?)
}

/// How the elements of a set become one.
pub(crate) struct Fold {
    /// The result without an element.
    pub(crate) start: f64,
    /// The result with a further element.
    pub(crate) step: fn(f64, f64) -> f64,
    /// The result for a number of elements.
    pub(crate) finish: fn(f64, f64) -> f64,
    /// The same for integers, from `start`, if they need no conversion to floats and back.
    pub(crate) integers: Option<fn(i64, i64) -> i64>,
}

impl Fold {
    /// Sums.
    pub(crate) const SUM: Self =
        Self { start: 0.0, step: |sum, x| sum + x, finish: |sum, _| sum, integers: Some(i64::wrapping_add) };
}

/// Reduces each set of elements: floats in `f64`, integers in `i64`, which wraps.
pub(crate) fn fold(args: &Arguments<'_>, fold: &Fold) -> Result<Vec<Tensor>, Error> {
    let reduction = reduction(args)?;
    let input = args.tensor(0)?;
    let data = match (input.data(), fold.integers) {
        (TensorData::F32(x), _) => TensorData::F32(floats(&reduction, x, fold, f64::from, |x| x as f32)),
        (TensorData::F64(x), _) => TensorData::F64(floats(&reduction, x, fold, |x| x, |x| x)),
        (TensorData::I32(x), Some(step)) => {
            let sums = reduction.accumulate(x.iter().map(|&x| x.into()), fold.start as i64, step);
            TensorData::I32(sums.into_iter().map(|sum| sum as i32).collect())
        }
        (TensorData::I64(x), Some(step)) => {
            TensorData::I64(reduction.accumulate(x.iter().copied(), fold.start as i64, step))
        }
        (TensorData::I32(x), None) => TensorData::I32(floats(&reduction, x, fold, f64::from, |x| x as i32)),
        (TensorData::I64(x), None) => {
            TensorData::I64(floats(&reduction, x, fold, |x| x as f64, |x| x as i64))
        }
        (other, _) => return Err(args.wrong_type(other.data_type())),
    };
    Ok(vec![Tensor::new(reduction.shape, data)?])
}

fn floats<T: Element>(
    reduction: &Reduction,
    x: &[T],
    fold: &Fold,
    wide: fn(T) -> f64,
    narrow: fn(f64) -> T,
) -> Vec<T> {
    let count = x.len() as f64 / reduction.count as f64;
    let sums = reduction.accumulate(x.iter().map(|&x| wide(x)), fold.start, fold.step);
    sums.into_iter().map(|sum| narrow((fold.finish)(sum, count))).collect()
}

/// Means; those of integers are rounded towards zero.
pub(crate) fn mean(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    fold(args, &Fold { finish: |sum, count| sum / count, integers: None, ..Fold::SUM })
}

/// Whether a mean along `axes` is over the pixels of an image, an NCHW tensor. The result is meaningless for other ranks.
pub(crate) fn over_pixels(axes: &[i64]) -> bool {
    matches!(axes, [2, 3] | [3, 2] | [-2, -1] | [-1, -2] | [2, -1] | [-1, 2] | [3, -2] | [-2, 3])
}
