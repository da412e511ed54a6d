//! Operators about shapes, and tensors made from them.

use super::NoValue;
use super::arguments::{Arguments, axis, bounded, one};
use super::value::{Data, Value, element_count};
use crate::node;
use crate::proto::{DataType, NodeDef, Value as Attribute};

type Result<T = Vec<Value>> = std::result::Result<T, NoValue>;

/// What `Shape`, `Size` and `Rank` give for a tensor of a shape; nothing for other operators.
pub(crate) fn of_shape(node: &NodeDef, shape: &[usize]) -> Option<Value> {
    let (sizes, result) = match node.op.as_str() {
        "Shape" => (shape.to_vec(), vec![shape.len()]),
        "Size" => (vec![element_count(shape)?], Vec::new()),
        "Rank" => (vec![shape.len()], Vec::new()),
        _ => return None,
    };
    let data = match node::type_of(node, "out_type") {
        Some(wide) if wide == DataType::Int64 as i32 => {
            Data::I64(sizes.into_iter().map(i64::try_from).collect::<std::result::Result<_, _>>().ok()?)
        }
        _ => Data::I32(sizes.into_iter().map(i32::try_from).collect::<std::result::Result<_, _>>().ok()?),
    };
    Value::new(result, data)
}

pub(super) fn about_shape(arguments: &Arguments<'_>) -> Result {
    let value = of_shape(arguments.node, &arguments.input(0)?.shape).ok_or(NoValue::Unsupported)?;
    Ok(vec![value])
}

pub(super) fn reshape(arguments: &Arguments<'_>) -> Result {
    let input = arguments.input(0)?;
    let wanted = arguments.integers(1)?;
    let known: Vec<usize> =
        wanted.iter().filter(|&&size| size != -1).map(|&size| non_negative(size)).collect::<Result<_>>()?;
    let product = element_count(&known).ok_or(NoValue::Unsupported)?;
    let open = wanted.len() - known.len();
    let rest = match (open, input.data.len().checked_rem(product)) {
        (0, _) => 0,
        (1, Some(0)) => input.data.len() / product,
        _ => return Err(NoValue::Unsupported),
    };
    let shape = wanted.iter().map(|&size| if size == -1 { Ok(rest) } else { non_negative(size) });
    one(shape.collect::<Result<_>>()?, input.data.clone())
}

pub(super) fn squeeze(arguments: &Arguments<'_>) -> Result {
    let input = arguments.input(0)?;
    let rank = input.shape.len();
    let axes = match node::value(arguments.node, "squeeze_dims") {
        Some(Attribute::List(list)) => {
            list.i.iter().map(|&dim| axis(dim, rank)).collect::<Result<Vec<_>>>()?
        }
        _ => Vec::new(),
    };
    if axes.iter().any(|&axis| input.shape[axis] != 1) {
        return Err(NoValue::Unsupported);
    }
    let is_kept = |&(axis, &size): &(usize, &usize)| size != 1 || !(axes.is_empty() || axes.contains(&axis));
    let shape = input.shape.iter().enumerate().filter(is_kept).map(|(_, &size)| size);
    one(shape.collect(), input.data.clone())
}

pub(super) fn expand_dims(arguments: &Arguments<'_>) -> Result {
    let input = arguments.input(0)?;
    let mut shape = input.shape.clone();
    shape.insert(axis(arguments.integer(1)?, shape.len() + 1)?, 1);
    one(shape, input.data.clone())
}

pub(super) fn fill(arguments: &Arguments<'_>) -> Result {
    let shape = arguments.integers(0)?.into_iter().map(non_negative).collect::<Result<Vec<_>>>()?;
    let value = arguments.input(1)?;
    let count = bounded(&shape)?;
    if value.data.len() != 1 {
        return Err(NoValue::Unsupported);
    }
    one(shape, value.data.gather(std::iter::repeat_n(0, count)))
}

/// `Range` of integers; that of floats depends on how the sum is rounded.
pub(super) fn range(arguments: &Arguments<'_>) -> Result {
    let [start, limit, delta] = [arguments.integer(0)?, arguments.integer(1)?, arguments.integer(2)?];
    let distance = i128::from(limit) - i128::from(start);
    let delta = i128::from(delta);
    if delta == 0 || (distance != 0 && (distance < 0) != (delta < 0)) {
        return Err(NoValue::Unsupported);
    }
    let count = usize::try_from((distance.abs() + delta.abs() - 1) / delta.abs())
        .map_err(|_| NoValue::Unsupported)?;
    bounded(&[count])?;
    let elements =
        (0..count).map(|index| i128::from(start) + delta * i128::try_from(index).unwrap_or_default());
    let data = match &arguments.input(0)?.data {
        Data::I32(_) => Data::I32(
            elements.map(|x| i32::try_from(x).ok()).collect::<Option<_>>().ok_or(NoValue::Unsupported)?,
        ),
        _ => Data::I64(
            elements.map(|x| i64::try_from(x).ok()).collect::<Option<_>>().ok_or(NoValue::Unsupported)?,
        ),
    };
    one(vec![count], data)
}

pub(super) fn non_negative(size: i64) -> Result<usize> {
    usize::try_from(size).map_err(|_| NoValue::Unsupported)
}
