//! The greatest and the least elements of sets, and where they are.

use super::super::example::{Example, Input, Value};
use super::super::operator::{Evaluate, Operator};
use super::arguments::Arguments;
use super::by_element::{by_element, by_number_of};
use super::indexing::{axis_of, strides};
use super::inputs::Inputs;
use super::reduction::{Reduction, reduction};
use crate::{DataType, Element, Error, Node, Tensor, TensorType};

/// A type with a least and a greatest value.
trait Bounded: Element + PartialOrd {
    const BOUNDS: [Self; 2];
}

macro_rules! bounded {
    ($($type:ty: $least:expr, $greatest:expr;)*) => {$(
        impl Bounded for $type {
            const BOUNDS: [Self; 2] = [$least, $greatest];
        }
    )*};
}

bounded! {
    f32: f32::NEG_INFINITY, f32::INFINITY;
    f64: f64::NEG_INFINITY, f64::INFINITY;
    u8: u8::MIN, u8::MAX;
    i8: i8::MIN, i8::MAX;
    u16: u16::MIN, u16::MAX;
    i16: i16::MIN, i16::MAX;
    u32: u32::MIN, u32::MAX;
    i32: i32::MIN, i32::MAX;
    u64: u64::MIN, u64::MAX;
    i64: i64::MIN, i64::MAX;
    bool: false, true;
}

/// The greatest or least of each set of elements: NaN if there is one, as in NumPy (ONNX Runtime's answer depends on the order). Of no
/// elements, they are the least and the greatest number.
pub(crate) fn extremes(args: &Arguments<'_>, greatest: bool) -> Result<Vec<Tensor>, Error> {
    fn typed<T: Bounded>((args, greatest): (&Arguments<'_>, bool), x: &[T]) -> Result<Vec<Tensor>, Error> {
        let reduction = reduction(args)?;
        let better = |best: Option<T>, x: T| {
            let is_nan = |x: T| x.partial_cmp(&x).is_none();
            let best = best.filter(|&best| is_nan(best) || if greatest { best >= x } else { best <= x });
            Some(best.unwrap_or(x))
        };
        let best = reduction.accumulate(x.iter().copied(), None, better);
        let [least, most] = T::BOUNDS;
        let empty = if greatest { least } else { most };
        let best = best.into_iter().map(|best| best.unwrap_or(empty)).collect();
        Ok(vec![Tensor::new(reduction.shape, T::wrap(best))?])
    }
    by_element!((args, greatest), args.tensor(0)?, typed)
}

/// The reduction along one axis, `axis`.
fn along_axis(node: &Node, from: &[usize]) -> Result<(usize, Reduction), Error> {
    let axis = axis_of(node, node.int("axis", 0)?, from.len())?;
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
    by_number_of!(
        args.tensor(0)?,
        x => typed(args, x, greatest),
        other => Err(args.wrong_type(other.data_type()))
    )
}
