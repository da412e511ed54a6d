//! Rules of operators that rearrange, select or reduce.

use super::{Inputs, TensorType};
use crate::{DataType, Error, Node, element_count, onnx};

/// `Reshape`: 0 copies a dimension (unless `allowzero`), −1 takes what is left.
pub(super) fn reshape(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    let x = inputs.get(0)?;
    let target = inputs.integers(1)?.ok_or_else(|| inputs.error("input 1 is missing"))?;
    let allow_zero = inputs.node.flag("allowzero", false)?;
    let misfit = || inputs.error(format!("a tensor of shape {:?} does not reshape to {target:?}", x.shape));
    let mut open = None;
    let mut shape = Vec::with_capacity(target.len());
    for (axis, &size) in target.iter().enumerate() {
        shape.push(match size {
            0 if !allow_zero => *x.shape.get(axis).ok_or_else(misfit)?,
            -1 if open.is_none() => {
                open = Some(axis);
                1
            }
            _ => usize::try_from(size).map_err(|_| misfit())?,
        });
    }
    let (have, known) = (element_count(&x.shape)?, element_count(&shape)?);
    if let Some(axis) = open {
        shape[axis] = have.checked_div(known).ok_or_else(misfit)?;
    }
    if element_count(&shape)? != have {
        return Err(misfit());
    }
    Ok(TensorType::new(x.data_type, shape))
}

/// `Flatten`: the axes before `axis`, and those from it on.
pub(super) fn flatten(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    let x = inputs.get(0)?;
    let axis = inputs.node.int("axis", 1)?;
    // The axis may lie behind the last one.
    let axis = if axis == x.shape.len() as i64 { x.shape.len() } else { inputs.axis(axis, x.shape.len())? };
    let (rows, columns) = x.shape.split_at(axis);
    Ok(TensorType::new(x.data_type, [element_count(rows)?, element_count(columns)?]))
}

/// `Transpose`: by `perm`, or all axes reversed.
pub(super) fn transpose(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    let x = inputs.get(0)?;
    let rank = x.shape.len();
    let Some(permutation) = inputs.node.ints("perm")? else {
        return Ok(TensorType::new(x.data_type, x.shape.iter().rev().copied().collect::<Vec<_>>()));
    };
    let mut seen = vec![false; rank];
    let mut shape = Vec::with_capacity(rank);
    for &axis in permutation {
        let axis = inputs.axis(axis, rank)?;
        seen[axis] = true;
        shape.push(x.shape[axis]);
    }
    if shape.len() != rank || seen.contains(&false) {
        return Err(Error::attribute(
            inputs.node,
            "perm",
            format!("{permutation:?} is no permutation of {rank} axes"),
        ));
    }
    Ok(TensorType::new(x.data_type, shape))
}

/// `Concat`.
pub(super) fn concat(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    let first = inputs.get(0)?;
    let axis = inputs
        .node
        .optional_int("axis")?
        .ok_or_else(|| Error::attribute(inputs.node, "axis", "is missing"))?;
    let axis = inputs.axis(axis, first.shape.len())?;
    let mut shape = first.shape.clone();
    for index in 1..inputs.types.len() {
        let input = inputs.get(index)?;
        let fits = input.shape.len() == shape.len()
            && input.data_type == first.data_type
            && (0..shape.len()).all(|other| other == axis || input.shape[other] == shape[other]);
        if !fits {
            return Err(inputs.error(format!(
                "input {index}, {} of shape {:?}, does not follow {} of shape {:?} along axis {axis}",
                input.data_type, input.shape, first.data_type, first.shape
            )));
        }
        shape[axis] = shape[axis].checked_add(input.shape[axis]).ok_or_else(|| inputs.error("too large"))?;
    }
    Ok(TensorType::new(first.data_type, shape))
}

/// `Pad`: amounts before and after each axis (or each of `axes`), negative ones crop.
pub(super) fn pad(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    let x = inputs.get(0)?;
    let rank = x.shape.len();
    let pads = inputs.integers(1)?.ok_or_else(|| inputs.error("input 1, the amounts, is missing"))?;
    let axes = match inputs.integers(3)? {
        None => (0..rank).collect(),
        Some(axes) => resolve(inputs, axes, rank)?,
    };
    if pads.len() != 2 * axes.len() {
        return Err(inputs.error(format!("{} amounts for {} axes", pads.len(), axes.len())));
    }
    let mut shape = x.shape.clone();
    for (index, &axis) in axes.iter().enumerate() {
        let padded = pads[index]
            .checked_add(pads[index + axes.len()])
            .and_then(|amount| isize::try_from(amount).ok())
            .and_then(|amount| shape[axis].checked_add_signed(amount));
        shape[axis] = padded
            .ok_or_else(|| inputs.error(format!("amounts {pads:?} for a tensor of shape {:?}", x.shape)))?;
    }
    Ok(TensorType::new(x.data_type, shape))
}

/// The axes of a list, none of them twice.
fn resolve(inputs: &Inputs<'_>, axes: &[i64], rank: usize) -> Result<Vec<usize>, Error> {
    let mut resolved = Vec::with_capacity(axes.len());
    let mut seen = vec![false; rank];
    for &axis in axes {
        let axis = inputs.axis(axis, rank)?;
        if std::mem::replace(&mut seen[axis], true) {
            return Err(inputs.error(format!("axis {axis} is there twice")));
        }
        resolved.push(axis);
    }
    Ok(resolved)
}

/// For each of `rank` axes, whether it is one of `axes`.
fn marked(axes: &[usize], rank: usize) -> Vec<bool> {
    let mut marked = vec![false; rank];
    axes.iter().for_each(|&axis| marked[axis] = true);
    marked
}

/// `Squeeze`: without axes, all of size 1.
pub(super) fn squeeze(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    let x = inputs.get(0)?;
    let axes = match inputs.integers(1)? {
        Some(axes) => resolve(inputs, axes, x.shape.len())?,
        None => (0..x.shape.len()).filter(|&axis| x.shape[axis] == 1).collect(),
    };
    if let Some(axis) = axes.iter().find(|&&axis| x.shape[axis] != 1) {
        return Err(inputs.error(format!("axis {axis} of shape {:?} is not 1", x.shape)));
    }
    let dropped = marked(&axes, x.shape.len());
    let keep = x.shape.iter().zip(dropped).filter(|&(_, dropped)| !dropped).map(|(&size, _)| size);
    Ok(TensorType::new(x.data_type, keep.collect::<Vec<_>>()))
}

/// `Unsqueeze`: the axes count in the output.
pub(super) fn unsqueeze(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    let x = inputs.get(0)?;
    let axes = inputs.integers(1)?.ok_or_else(|| inputs.error("input 1, the axes, is missing"))?;
    let rank = x.shape.len() + axes.len();
    let axes = resolve(inputs, axes, rank)?;
    let mut old = x.shape.iter().copied();
    let shape: Vec<usize> =
        marked(&axes, rank).into_iter().map(|new| if new { 1 } else { old.next().unwrap_or(1) }).collect();
    Ok(TensorType::new(x.data_type, shape))
}

/// `ReduceMean` and its kin: axes as an attribute (before operator set 18) or as an input; all without.
pub(super) fn reduce(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    let x = inputs.get(0)?;
    let rank = x.shape.len();
    let listed = match inputs.node.ints("axes")? {
        Some(axes) => Some(axes),
        None => inputs.integers(1)?,
    };
    let axes = match listed.filter(|axes| !axes.is_empty()) {
        Some(axes) => resolve(inputs, axes, rank)?,
        None if inputs.node.flag("noop_with_empty_axes", false)? => return Ok(x.clone()),
        None => (0..rank).collect(),
    };
    Ok(TensorType::new(x.data_type, reduced(inputs, &x.shape, &axes)?))
}

/// `ArgMax`.
pub(super) fn arg(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    let shape = inputs.shape(0)?;
    let axis = inputs.axis(inputs.node.int("axis", 0)?, shape.len())?;
    Ok(TensorType::new(DataType::I64, reduced(inputs, shape, &[axis])?))
}

fn reduced(inputs: &Inputs<'_>, shape: &[usize], axes: &[usize]) -> Result<Vec<usize>, Error> {
    let keep = inputs.node.flag("keepdims", true)?;
    let reduced = shape.iter().zip(marked(axes, shape.len()));
    Ok(reduced
        .filter(|&(_, reduced)| keep || !reduced)
        .map(|(&size, reduced)| if reduced { 1 } else { size })
        .collect())
}

/// `Gather`: the indices' shape in place of the axis.
pub(super) fn gather(inputs: &Inputs<'_>) -> Result<TensorType, Error> {
    let (data, indices) = (inputs.get(0)?, inputs.shape(1)?);
    let axis = inputs.axis(inputs.node.int("axis", 0)?, data.shape.len())?;
    Ok(TensorType::new(data.data_type, [&data.shape[..axis], indices, &data.shape[axis + 1..]].concat()))
}

/// The dimensions of `shape` that the `Shape` node `node` gives, from `start` to `end`.
pub(crate) fn shape_value(node: &Node, shape: &[usize]) -> Result<Vec<i64>, Error> {
    let rank = shape.len() as i64;
    let bound = |value: i64| {
        let from_start = if value < 0 { value.saturating_add(rank) } else { value };
        from_start.clamp(0, rank) as usize
    };
    let start = bound(node.int("start", 0)?);
    let end = bound(node.int("end", rank)?);
    Ok(shape.get(start..end).unwrap_or_default().iter().map(|&size| size as i64).collect())
}

/// An attribute that holds an element type's number in ONNX's schema; 0 and its absence are `None`.
pub(super) fn type_attribute(inputs: &Inputs<'_>, name: &str) -> Result<Option<DataType>, Error> {
    match inputs.node.int(name, 0)? {
        0 => Ok(None),
        number => onnx::data_type_of_number(number).map(Some).ok_or_else(|| {
            Error::unsupported(inputs.node, format!("elements of type number {number} ({name})"))
        }),
    }
}
