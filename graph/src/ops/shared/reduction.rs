//! Shared by operators that reduce axes to one element.

use super::super::example::{Example, Input, Value};
use super::super::operator::{Evaluate, Operator};
use super::arguments::Arguments;
use super::axes;
use super::by_element::by_type_of;
use super::indexing::{Offsets, strides};
use super::inputs::Inputs;
use crate::{DataType, Element, Error, Node, Tensor, TensorData, TensorType};

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
}

/// An operator that reduces axes to one element.
pub(crate) const fn operator(name: &'static str, summary: &'static str, evaluate: Evaluate) -> Operator {
    const EXAMPLES: &[Example] = &[
        Example::new(&[Input::Floats(&[2, 3, 4]), Input::Integers(&[-1])], &[("keepdims", Value::Int(0))]),
        Example::new(&[Input::Floats(&[2, 3, 4])], &[]),
    ];
    Operator { examples: EXAMPLES, ..Operator::new(name, summary, infer, evaluate) }
}

/// Which axes of a tensor of `rank` the list `axes` reduces: all if it is empty; `None` if an empty list means no reduction.
fn reduced(node: &Node, axes: Option<&[i64]>, rank: usize) -> Result<Option<Vec<bool>>, Error> {
    match axes.filter(|axes| !axes.is_empty()) {
        Some(axes) => axes::named(node, axes, rank).map(Some),
        None if node.flag("noop_with_empty_axes", false)? => Ok(None),
        None => Ok(Some(vec![true; rank])),
    }
}

/// The shape rule of reductions: axes as an attribute (before operator set 18) or as an input.
fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let x = inputs.get(0)?;
    let axes = match inputs.node.ints("axes")? {
        Some(axes) => Some(axes),
        None => inputs.integers(1)?,
    };
    Ok(vec![TensorType::new(x.data_type, reduced_shape(inputs.node, &x.shape, axes)?)])
}

/// The output shape for `from` with `axes` reduced by the node.
pub(crate) fn reduced_shape(node: &Node, from: &[usize], axes: Option<&[i64]>) -> Result<Vec<usize>, Error> {
    Ok(match reduced(node, axes, from.len())? {
        Some(reduced) => Reduction::new(node, from, &reduced)?.shape,
        None => from.to_vec(),
    })
}

/// The node's reduction; `None` if it reduces nothing.
fn reduction(args: &Arguments<'_>) -> Result<Option<Reduction>, Error> {
    let from = args.tensor(0)?.shape();
    let reduced = reduced(args.node(), args.axes(1)?.as_deref(), from.len())?;
    reduced.map(|reduced| Reduction::new(args.node(), from, &reduced)).transpose()
}

/// Sums of floats, each finished by `finish(sum, number of elements)`.
pub(crate) fn sums(args: &Arguments<'_>, finish: fn(f64, f64) -> f64) -> Result<Vec<Tensor>, Error> {
    let Some(reduction) = reduction(args)? else { return Ok(vec![args.tensor(0)?.clone()]) };
    let x = match args.tensor(0)?.data() {
        TensorData::F32(x) => x,
        other => return Err(args.wrong_type(other.data_type())),
    };
    let mut sums = vec![0.0f64; reduction.count];
    for (&x, at) in x.iter().zip(reduction.outputs()) {
        sums[at] += f64::from(x);
    }
    let count = x.len() as f64 / reduction.count as f64;
    let result: Vec<f32> = sums.into_iter().map(|sum| finish(sum, count) as f32).collect();
    Ok(vec![Tensor::new(reduction.shape, result)?])
}

/// Means of floats.
pub(crate) fn mean(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    sums(args, |sum, count| sum / count)
}

/// Whether a mean along `axes` is over the pixels of an image, an NCHW tensor. The result is meaningless for other ranks.
pub(crate) fn over_pixels(axes: &[i64]) -> bool {
    matches!(axes, [2, 3] | [3, 2] | [-2, -1] | [-1, -2] | [2, -1] | [-1, 2] | [3, -2] | [-2, 3])
}

/// The greatest or least of each set of elements.
pub(crate) fn extremes(args: &Arguments<'_>, greatest: bool) -> Result<Vec<Tensor>, Error> {
    fn typed<T: Element + PartialOrd>(
        args: &Arguments<'_>,
        x: &[T],
        greatest: bool,
        reduction: Reduction,
    ) -> Result<Vec<Tensor>, Error> {
        if x.is_empty() && reduction.count > 0 {
            return Err(args.error("an empty set has neither a least nor a greatest element"));
        }
        let mut result: Vec<Option<T>> = vec![None; reduction.count];
        for (&x, at) in x.iter().zip(reduction.outputs()) {
            let best = result[at].filter(|&best| if greatest { best >= x } else { best <= x });
            result[at] = Some(best.unwrap_or(x));
        }
        let result = result.into_iter().map(Option::unwrap_or_default).collect();
        Ok(vec![Tensor::new(reduction.shape, T::wrap(result))?])
    }
    let input = args.tensor(0)?;
    let Some(reduction) = reduction(args)? else { return Ok(vec![input.clone()]) };
    by_type_of!(
        input,
        [F32 U8 I8 I32 I64],
        x => typed(args, x, greatest, reduction),
        other => Err(args.wrong_type(other.data_type()))
    )
}

/// The reduction along one axis, `axis`.
fn along_axis(node: &Node, from: &[usize]) -> Result<(usize, Reduction), Error> {
    let axis = super::indexing::axis_of(node, node.int("axis", 0)?, from.len())?;
    let mut reduced = vec![false; from.len()];
    reduced[axis] = true;
    Ok((axis, Reduction::new(node, from, &reduced)?))
}

/// An operator that finds an element along an axis, and returns its index.
pub(crate) const fn index_operator(
    name: &'static str,
    summary: &'static str,
    evaluate: Evaluate,
) -> Operator {
    const EXAMPLES: &[Example] = &[
        Example::new(&[Input::Floats(&[2, 3, 4])], &[("axis", Value::Int(1))]),
        Example::new(
            &[Input::Bytes(&[2, 3])],
            &[("axis", Value::Int(-1)), ("keepdims", Value::Int(0)), ("select_last_index", Value::Int(1))],
        ),
    ];
    Operator {
        examples: EXAMPLES,
        output_type: |_, _| Some(DataType::I64),
        ..Operator::new(name, summary, infer_index, evaluate)
    }
}

fn infer_index(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    let (_, reduction) = along_axis(inputs.node, inputs.shape(0)?)?;
    Ok(vec![TensorType::new(DataType::I64, reduction.shape)])
}

/// The index of the greatest or least element along an axis: the first one, or the last if `select_last_index` is set.
pub(crate) fn index(args: &Arguments<'_>, greatest: bool) -> Result<Vec<Tensor>, Error> {
    fn typed<T: Element + PartialOrd>(
        args: &Arguments<'_>,
        x: &[T],
        greatest: bool,
    ) -> Result<Vec<Tensor>, Error> {
        let from = args.tensor(0)?.shape();
        let (axis, reduction) = along_axis(args.node(), from)?;
        let last = args.node().flag("select_last_index", false)?;
        if x.is_empty() && reduction.count > 0 {
            return Err(args.error("an empty axis has no greatest and no least element"));
        }
        let inner = strides(from)[axis];
        let mut best: Vec<Option<(T, i64)>> = vec![None; reduction.count];
        for ((at, &x), to) in x.iter().enumerate().zip(reduction.outputs()) {
            let index = (at / inner % from[axis]) as i64;
            let better = |best: T| if greatest { x > best } else { x < best };
            if best[to].is_none_or(|(best, _)| better(best) || last && x == best) {
                best[to] = Some((x, index));
            }
        }
        let indices: Vec<i64> = best.into_iter().map(|best| best.map_or(0, |(_, index)| index)).collect();
        Ok(vec![Tensor::new(reduction.shape, indices)?])
    }
    by_type_of!(
        args.tensor(0)?,
        [F32 F64 U8 I8 I32 I64],
        x => typed(args, x, greatest),
        other => Err(args.wrong_type(other.data_type()))
    )
}
