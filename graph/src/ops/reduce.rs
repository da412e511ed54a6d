//! Operators that reduce axes to one element.

use super::arguments::Arguments;
use super::indexing::{Offsets, strides};
use crate::{Element, Error, Tensor, TensorData};

/// What is left of a shape when axes are reduced.
struct Reduction {
    /// The output's shape.
    shape: Vec<usize>,
    /// The number of outputs.
    count: usize,
    /// The strides with which the input's axes walk through the output: 0 for reduced ones.
    strides: Vec<usize>,
}

impl Reduction {
    fn new(dims: &[usize], reduced: &[bool], keep_dims: bool) -> Self {
        let kept: Vec<usize> =
            dims.iter().zip(reduced).map(|(&dim, &reduced)| if reduced { 1 } else { dim }).collect();
        let mut own = strides(&kept);
        for (stride, &reduced) in own.iter_mut().zip(reduced) {
            if reduced {
                *stride = 0;
            }
        }
        let shape = if keep_dims {
            kept.clone()
        } else {
            dims.iter().zip(reduced).filter(|&(_, &reduced)| !reduced).map(|(&dim, _)| dim).collect()
        };
        Self { shape, count: kept.iter().product(), strides: own }
    }
}

/// `ReduceMean`, `ReduceSum`, `ReduceMin`, `ReduceMax`; without axes, all are reduced.
pub(super) fn reduce(args: &Arguments<'_>) -> Result<Tensor, Error> {
    fn extreme<T: Element + PartialOrd>(
        args: &Arguments<'_>,
        input: &Tensor,
        x: &[T],
        reduction: Reduction,
    ) -> Result<Tensor, Error> {
        if x.is_empty() && reduction.count > 0 {
            return Err(args.error("an empty set has neither a least nor a greatest element"));
        }
        let least = args.node().op == "ReduceMin";
        let mut result: Vec<Option<T>> = vec![None; reduction.count];
        for (&x, at) in x.iter().zip(Offsets::new(input.shape(), &reduction.strides)) {
            let best = result[at].filter(|&best| if least { best <= x } else { best >= x });
            result[at] = Some(best.unwrap_or(x));
        }
        Tensor::new(reduction.shape, T::wrap(result.into_iter().map(Option::unwrap_or_default).collect()))
    }
    let input = args.tensor(0)?;
    let axes = args.axes(1)?.unwrap_or_default();
    if axes.is_empty() && args.node().flag("noop_with_empty_axes", false)? {
        return Ok(input.clone());
    }
    let mut reduced = vec![axes.is_empty(); input.rank()];
    for axis in axes {
        reduced[args.axis(axis, input.rank())?] = true;
    }
    let reduction = Reduction::new(input.shape(), &reduced, args.node().flag("keepdims", true)?);
    let op = args.node().op.as_str();
    match (op, input.data()) {
        ("ReduceMean" | "ReduceSum", TensorData::F32(x)) => {
            let mut sums = vec![0.0f64; reduction.count];
            for (&x, at) in x.iter().zip(Offsets::new(input.shape(), &reduction.strides)) {
                sums[at] += f64::from(x);
            }
            let count = if op == "ReduceMean" { x.len() as f64 / reduction.count as f64 } else { 1.0 };
            let result: Vec<f32> = sums.into_iter().map(|sum| (sum / count) as f32).collect();
            Tensor::new(reduction.shape, result)
        }
        ("ReduceMin" | "ReduceMax", TensorData::F32(x)) => extreme(args, input, x, reduction),
        ("ReduceMin" | "ReduceMax", TensorData::U8(x)) => extreme(args, input, x, reduction),
        ("ReduceMin" | "ReduceMax", TensorData::I8(x)) => extreme(args, input, x, reduction),
        ("ReduceMin" | "ReduceMax", TensorData::I32(x)) => extreme(args, input, x, reduction),
        ("ReduceMin" | "ReduceMax", TensorData::I64(x)) => extreme(args, input, x, reduction),
        (_, other) => Err(args.wrong_type(other.data_type())),
    }
}

/// The index of the greatest element along an axis: the first, or the last if asked.
pub(super) fn arg_max(args: &Arguments<'_>) -> Result<Tensor, Error> {
    fn places<T: Element + PartialOrd>(
        args: &Arguments<'_>,
        input: &Tensor,
        x: &[T],
    ) -> Result<Tensor, Error> {
        let node = args.node();
        let axis = args.axis(node.int("axis", 0)?, input.rank())?;
        let last = node.flag("select_last_index", false)?;
        let mut reduced = vec![false; input.rank()];
        reduced[axis] = true;
        let reduction = Reduction::new(input.shape(), &reduced, node.flag("keepdims", true)?);
        if x.is_empty() && reduction.count > 0 {
            return Err(args.error("an empty axis has no greatest element"));
        }
        let inner = strides(input.shape())[axis];
        let mut best: Vec<Option<(T, i64)>> = vec![None; reduction.count];
        let offsets = Offsets::new(input.shape(), &reduction.strides);
        for ((at, &x), to) in x.iter().enumerate().zip(offsets) {
            let index = (at / inner % input.shape()[axis]) as i64;
            if best[to].is_none_or(|(best, _)| if last { x >= best } else { x > best }) {
                best[to] = Some((x, index));
            }
        }
        let places: Vec<i64> = best.into_iter().map(|best| best.map_or(0, |(_, index)| index)).collect();
        Tensor::new(reduction.shape, places)
    }
    let input = args.tensor(0)?;
    match input.data() {
        TensorData::F32(x) => places(args, input, x),
        TensorData::F64(x) => places(args, input, x),
        TensorData::U8(x) => places(args, input, x),
        TensorData::I8(x) => places(args, input, x),
        TensorData::I32(x) => places(args, input, x),
        TensorData::I64(x) => places(args, input, x),
        other @ TensorData::Bool(_) => Err(args.wrong_type(other.data_type())),
    }
}
