//! Operators that rename, reorder or reinterpret elements.

use super::arguments::Arguments;
use super::indexing::{Offsets, strides};
use crate::{Attribute, DataType, Element, Error, Tensor, TensorData, quoted};

/// The identity, and a mask of what was kept: everything. Training, which drops elements at random, is not done here.
pub(super) fn dropout(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    let input = args.tensor(0)?;
    let ratio = args.optional_scalar::<f32>(1)?.unwrap_or(0.5);
    if args.optional_scalar::<bool>(2)?.unwrap_or(false) && ratio != 0.0 {
        return Err(args.unsupported("training mode drops elements at random"));
    }
    let mut outputs = vec![input.clone()];
    if args.node().output(1).is_some() {
        outputs.push(Tensor::new(input.shape(), vec![true; input.len()])?);
    }
    Ok(outputs)
}

pub(super) fn constant(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let mut attributes = args.node().attributes.iter();
    let (Some((name, value)), None) = (attributes.next(), attributes.next()) else {
        return Err(args.error("a constant has exactly one attribute, its value"));
    };
    match (name.as_str(), value) {
        ("value", Attribute::Tensor(tensor)) => Ok(tensor.clone()),
        ("value_float", &Attribute::Float(value)) => Ok(Tensor::scalar(value)),
        ("value_int", &Attribute::Int(value)) => Ok(Tensor::scalar(value)),
        ("value_floats", Attribute::Floats(values)) => Ok(Tensor::vector(values.as_slice())),
        ("value_ints", Attribute::Ints(values)) => Ok(Tensor::vector(values.as_slice())),
        _ => Err(args.unsupported(format!("a constant given as {}, {}", quoted(name), value.kind()))),
    }
}

/// `shape` may hold one −1, which stands for what is left, and zeros, which keep the input's dimension.
pub(super) fn reshape(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let input = args.tensor(0)?;
    let wanted = args.values::<i64>(1)?;
    let zero_is_zero = args.node().flag("allowzero", false)?;
    let impossible =
        || args.error(format!("a tensor of shape {:?} cannot be reshaped to {wanted:?}", input.shape()));
    let mut shape = Vec::with_capacity(wanted.len());
    let mut open = None;
    for (axis, &dim) in wanted.iter().enumerate() {
        shape.push(match dim {
            0 if !zero_is_zero => *input.shape().get(axis).ok_or_else(impossible)?,
            -1 if open.is_none() => {
                open = Some(axis);
                1
            }
            dim => usize::try_from(dim).map_err(|_| impossible())?,
        });
    }
    if let Some(axis) = open {
        let rest = args.count(&shape)?;
        if rest == 0 || !input.len().is_multiple_of(rest) {
            return Err(impossible());
        }
        shape[axis] = input.len() / rest;
    }
    input.clone().reshape(shape).map_err(|_| impossible())
}

/// Two dimensions: those before `axis`, and the rest.
pub(super) fn flatten(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let input = args.tensor(0)?;
    let axis = args.node().int("axis", 1)?;
    let axis = if axis == input.rank() as i64 { input.rank() } else { args.axis(axis, input.rank())? };
    let (outer, inner) = input.shape().split_at(axis);
    input.clone().reshape([args.count(outer)?, args.count(inner)?])
}

pub(super) fn squeeze(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let input = args.tensor(0)?;
    let mut drop: Vec<bool> = input.shape().iter().map(|&dim| dim == 1).collect();
    if let Some(axes) = args.axes(1)? {
        drop.fill(false);
        for axis in axes {
            let axis = args.axis(axis, input.rank())?;
            if input.shape()[axis] != 1 {
                return Err(args.error(format!("axis {axis} of shape {:?} is not 1", input.shape())));
            }
            drop[axis] = true;
        }
    }
    let kept = input.shape().iter().zip(drop).filter(|&(_, drop)| !drop).map(|(&dim, _)| dim);
    input.clone().reshape(kept.collect::<Vec<_>>())
}

pub(super) fn unsqueeze(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let input = args.tensor(0)?;
    let axes = args.axes(1)?.ok_or_else(|| args.error("axes are missing"))?;
    let rank = input.rank() + axes.len();
    let mut new = vec![false; rank];
    for axis in axes {
        let axis = args.axis(axis, rank)?;
        if std::mem::replace(&mut new[axis], true) {
            return Err(args.error(format!("axis {axis} is given twice")));
        }
    }
    let mut dims = input.shape().iter();
    let shape: Option<Vec<usize>> =
        new.into_iter().map(|new| if new { Some(1) } else { dims.next().copied() }).collect();
    input.clone().reshape(shape.ok_or_else(|| args.error("axes do not fit the input"))?)
}

/// Axis `i` of the output is axis `perm[i]` of the input; without `perm`, the axes are reversed.
pub(super) fn transpose(args: &Arguments<'_>) -> Result<Tensor, Error> {
    fn gathered<T: Element>(elements: &[T], shape: Vec<usize>, strides: &[usize]) -> Result<Tensor, Error> {
        let elements = Offsets::new(&shape, strides).map(|at| elements[at]).collect();
        Tensor::new(shape, T::wrap(elements))
    }
    let input = args.tensor(0)?;
    let order: Vec<usize> = match args.node().ints("perm")? {
        None => (0..input.rank()).rev().collect(),
        Some(perm) => perm.iter().map(|&axis| args.axis(axis, input.rank())).collect::<Result<_, _>>()?,
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..input.rank()) {
        return Err(Error::attribute(args.node(), "perm", "is not an order of the input's axes"));
    }
    let own = strides(input.shape());
    let shape: Vec<usize> = order.iter().map(|&axis| input.shape()[axis]).collect();
    let strides: Vec<usize> = order.iter().map(|&axis| own[axis]).collect();
    match input.data() {
        TensorData::F32(x) => gathered(x, shape, &strides),
        TensorData::F64(x) => gathered(x, shape, &strides),
        TensorData::U8(x) => gathered(x, shape, &strides),
        TensorData::I8(x) => gathered(x, shape, &strides),
        TensorData::I32(x) => gathered(x, shape, &strides),
        TensorData::I64(x) => gathered(x, shape, &strides),
        TensorData::Bool(x) => gathered(x, shape, &strides),
    }
}

pub(super) fn shape(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let shape: Vec<i64> = args.tensor(0)?.shape().iter().map(|&dim| dim as i64).collect();
    let rank = shape.len() as i64;
    let position = |value: i64| {
        let value = if value < 0 { value.saturating_add(rank) } else { value };
        value.clamp(0, rank) as usize
    };
    let (start, end) = (position(args.node().int("start", 0)?), position(args.node().int("end", rank)?));
    Ok(Tensor::vector(shape.get(start..end).unwrap_or_default()))
}

/// Floats are cut to integers towards zero and saturate; integers wrap; everything but 0 is true.
pub(super) fn cast(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let input = args.tensor(0)?;
    let code = args.node().int("to", 0)?;
    // TensorProto.DataType of onnx.proto3.
    let to = match code {
        1 => DataType::F32,
        2 => DataType::U8,
        3 => DataType::I8,
        6 => DataType::I32,
        7 => DataType::I64,
        9 => DataType::Bool,
        11 => DataType::F64,
        _ => return Err(args.unsupported(format!("a cast to element type number {code}"))),
    };
    macro_rules! converted {
        ($x:expr, $zero:expr) => {
            match to {
                DataType::F32 => TensorData::F32($x.iter().map(|&x| x as f32).collect()),
                DataType::F64 => TensorData::F64($x.iter().map(|&x| x as f64).collect()),
                DataType::U8 => TensorData::U8($x.iter().map(|&x| x as u8).collect()),
                DataType::I8 => TensorData::I8($x.iter().map(|&x| x as i8).collect()),
                DataType::I32 => TensorData::I32($x.iter().map(|&x| x as i32).collect()),
                DataType::I64 => TensorData::I64($x.iter().map(|&x| x as i64).collect()),
                DataType::Bool => TensorData::Bool($x.iter().map(|&x| x != $zero).collect()),
            }
        };
    }
    let data = match input.data() {
        TensorData::F32(x) => converted!(x, 0.0),
        TensorData::F64(x) => converted!(x, 0.0),
        TensorData::U8(x) => converted!(x, 0),
        TensorData::I8(x) => converted!(x, 0),
        TensorData::I32(x) => converted!(x, 0),
        TensorData::I64(x) => converted!(x, 0),
        TensorData::Bool(x) => {
            let x: Vec<u8> = x.iter().map(|&x| u8::from(x)).collect();
            converted!(x, 0)
        }
    };
    Tensor::new(input.shape(), data)
}
