//! Operators on bytes that ONNX does not define: those of ONNX Runtime's domain `com.microsoft`, and `LookupTable`.
//!
//! Their meaning is that of the float operator between a `DequantizeLinear` and a `QuantizeLinear`, but for `QLinearAdd` and
//! `QLinearMul`, whose numbers are those of ONNX Runtime; the attributes
//! `clamp_low` and `clamp_high`, in steps of the output, narrow the last one's range
//! (see [`passes::fuse_quantized`](crate::passes::fuse_quantized)).

use eightbit::reference::{add_elements, mul_elements};
use eightbit::{ElementType, QuantizedType};

use super::arguments::Arguments;
use super::evaluate;
use super::indexing::{Offsets, broadcast, broadcast_strides};
use crate::{DataType, Error, Node, Tensor, TensorData};

/// The operator's result; `None` if it is none of those here.
pub(super) fn evaluate_bytes(args: &Arguments<'_>) -> Result<Option<Tensor>, Error> {
    let node = args.node();
    let result = match (node.domain.as_str(), node.op.as_str()) {
        ("com.microsoft", "QLinearAdd") => binary(args, add_elements),
        ("com.microsoft", "QLinearMul") => binary(args, mul_elements),
        ("com.microsoft", "QLinearConcat") => concat(args),
        ("com.microsoft", "QLinearAveragePool") => pool(args, "AveragePool"),
        ("com.microsoft", "QLinearGlobalAveragePool") => pool(args, "GlobalAveragePool"),
        ("com.microsoft", "QGemm") => gemm(args),
        (crate::passes::DOMAIN, "LookupTable") => table(args),
        _ => return Ok(None),
    };
    result.map(Some)
}

/// Bytes, scale and zero point from input `first` on, as floats; several scales lie along `axis`.
fn real(args: &Arguments<'_>, first: usize, axis: i64) -> Result<Tensor, Error> {
    let node = Node::new(&args.node().name, "DequantizeLinear", &["x", "s", "z"], &["y"]).with("axis", axis);
    only(
        evaluate(
            &node,
            &[Some(args.tensor(first)?), Some(args.tensor(first + 1)?), args.optional(first + 2)],
        )?,
        args,
    )
}

/// The float operator `op`, with the attributes of the node.
fn float(args: &Arguments<'_>, op: &str, inputs: &[Option<&Tensor>]) -> Result<Tensor, Error> {
    let node = Node { op: op.to_owned(), domain: String::new(), ..args.node().clone() };
    only(evaluate(&node, inputs)?, args)
}

/// Floats to bytes, scale and zero point from input `first` on, clamped.
fn bytes(args: &Arguments<'_>, x: &Tensor, first: usize) -> Result<Tensor, Error> {
    let node = Node::new(&args.node().name, "QuantizeLinear", &["x", "s", "z"], &["y"]);
    let y = evaluate(&node, &[Some(x), Some(args.tensor(first)?), Some(args.tensor(first + 1)?)])?;
    let y = only(y, args)?;
    let shape = y.shape().to_vec();
    let data = match y.into_data() {
        TensorData::U8(mut y) => {
            let (low, high) = clamp(args, 0, 255)?;
            y.iter_mut().for_each(|y| *y = i32::from(*y).clamp(low, high) as u8);
            TensorData::U8(y)
        }
        TensorData::I8(mut y) => {
            let (low, high) = clamp(args, -128, 127)?;
            y.iter_mut().for_each(|y| *y = i32::from(*y).clamp(low, high) as i8);
            TensorData::I8(y)
        }
        other => return Err(args.wrong_type(other.data_type())),
    };
    Tensor::new(shape, data)
}

/// The range of the attributes `clamp_low` and `clamp_high`: that of the type where they are absent.
pub(super) fn clamp(args: &Arguments<'_>, low: i32, high: i32) -> Result<(i32, i32), Error> {
    clamp_of(args.node(), low, high)
}

/// As [`clamp`], of a node.
pub(crate) fn clamp_of(node: &Node, low: i32, high: i32) -> Result<(i32, i32), Error> {
    let bound = |name: &str, default: i32| -> Result<i32, Error> {
        let value = node.int(name, default.into())?;
        match i32::try_from(value) {
            Ok(value) if (low..=high).contains(&value) => Ok(value),
            _ => Err(Error::attribute(node, name, format!("{value} is outside of {low} to {high}"))),
        }
    };
    let (from, to) = (bound("clamp_low", low)?, bound("clamp_high", high)?);
    if from > to {
        return Err(Error::attribute(node, "clamp_low", "is greater than clamp_high"));
    }
    Ok((from, to))
}

fn only(outputs: Vec<Tensor>, args: &Arguments<'_>) -> Result<Tensor, Error> {
    outputs.into_iter().next().ok_or_else(|| args.error("has no output"))
}

/// A function of elements `a` and `b` and the types of both and of the result, clamped.
type OnElements = fn(i32, &QuantizedType, i32, &QuantizedType, &QuantizedType, (i32, i32)) -> i32;

/// Inputs: a, scale, zero, b, scale, zero, scale and zero of the output. The numbers are those of ONNX Runtime, as the crate
/// `eightbit` defines them, not those of the float operator: the executor, constants and this agree in every bit.
fn binary(args: &Arguments<'_>, on_elements: OnElements) -> Result<Tensor, Error> {
    let to = quantized(args, args.tensor(7)?.data_type(), 6)?;
    let (low, high) = to.element().integer_range();
    let clamp = clamp(args, low, high)?;
    let operand = |first: usize| -> Result<(&Tensor, Vec<i32>, QuantizedType), Error> {
        let tensor = args.tensor(first)?;
        let elements = match tensor.data() {
            TensorData::U8(values) => values.iter().map(|&value| value.into()).collect(),
            TensorData::I8(values) => values.iter().map(|&value| value.into()).collect(),
            other => return Err(args.wrong_type(other.data_type())),
        };
        Ok((tensor, elements, quantized(args, tensor.data_type(), first + 1)?))
    };
    let ((a, left, a_type), (b, right, b_type)) = (operand(0)?, operand(3)?);
    let shape = broadcast(a.shape(), b.shape())
        .ok_or_else(|| args.error(format!("shapes {:?} and {:?} do not broadcast", a.shape(), b.shape())))?;
    args.count(&shape)?;
    let offsets = |tensor: &Tensor| Offsets::new(&shape, &broadcast_strides(tensor.shape(), &shape));
    let results =
        offsets(a).zip(offsets(b)).map(|(a, b)| on_elements(left[a], &a_type, right[b], &b_type, &to, clamp));
    let data = match to.element() {
        ElementType::I8 => TensorData::I8(results.map(|value| value as i8).collect()),
        _ => TensorData::U8(results.map(|value| value as u8).collect()),
    };
    Tensor::new(shape, data)
}

/// What bytes of a type mean whose only scale and zero point are the inputs `index` and `index + 1`.
fn quantized(args: &Arguments<'_>, data_type: DataType, index: usize) -> Result<QuantizedType, Error> {
    let element = match data_type {
        DataType::U8 => ElementType::U8,
        DataType::I8 => ElementType::I8,
        other => return Err(args.wrong_type(other)),
    };
    let zero = match args.optional(index + 1).map(Tensor::data) {
        None => 0,
        Some(TensorData::U8(zero)) if zero.len() == 1 => zero[0].into(),
        Some(TensorData::I8(zero)) if zero.len() == 1 => zero[0].into(),
        _ => return Err(args.error(format!("input {} must be a single zero point", index + 1))),
    };
    let &[scale] = args.values::<f32>(index)? else {
        return Err(args.error(format!("input {index} must be a single scale")));
    };
    QuantizedType::new(element, scale, zero).map_err(|error| args.error(error.to_string()))
}

/// Inputs: scale and zero of the output, then x, scale, zero of each part.
fn concat(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let count = args.node().inputs.len().saturating_sub(2);
    if count == 0 || !count.is_multiple_of(3) {
        return Err(args.error("the parts need a value, a scale and a zero point each"));
    }
    let parts: Vec<Tensor> =
        (0..count / 3).map(|part| real(args, 2 + 3 * part, 1)).collect::<Result<_, _>>()?;
    let parts: Vec<Option<&Tensor>> = parts.iter().map(Some).collect();
    bytes(args, &float(args, "Concat", &parts)?, 0)
}

/// Inputs: x, scale, zero, scale and zero of the output.
fn pool(args: &Arguments<'_>, op: &str) -> Result<Tensor, Error> {
    if args.node().flag("channels_last", false)? {
        return Err(args.unsupported("channels_last"));
    }
    let x = real(args, 0, 1)?;
    bytes(args, &float(args, op, &[Some(&x)])?, 3)
}

/// Inputs: a, scale, zero, b, scale, zero, bias in steps of the accumulator, scale and zero of the output, without
/// which it stays float.
///
/// `y = alpha · a_scale · b_scale[n] · (Σ (a − a_zero)·(b − b_zero) + C)`: the operator's own text gives C the scale
/// `alpha · a_scale · b_scale` (it has no `beta`). onnxruntime.quantization writes C in steps of `a_scale · b_scale`, whatever
/// `alpha` is; such files are read by the text, too, as ONNX Runtime reads them.
fn gemm(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let transposed = args.node().flag("transB", false)?;
    let (a, b) = (real(args, 0, 1)?, real(args, 3, i64::from(!transposed))?);
    let bias = match args.optional(6) {
        None => None,
        Some(bias) => {
            let step = args.node().float("alpha", 1.0)? * args.tensor(1)?.to_scalar::<f32>()?;
            let steps: Vec<f32> = args.values::<f32>(4)?.iter().map(|scale| step * scale).collect();
            let columns = b.shape().get(usize::from(!transposed)).copied().unwrap_or(0);
            let columns = if steps.len() == 1 { vec![1] } else { vec![1, columns] };
            // By their shape: C may be one for all, for each column, for each row, or for each element.
            let float =
                Tensor::new(bias.shape(), bias.as_i32()?.iter().map(|&c| c as f32).collect::<Vec<_>>())?;
            let mul = Node::new("bias", "Mul", &["c", "s"], &["y"]);
            Some(only(evaluate(&mul, &[Some(&float), Some(&Tensor::new(columns, steps)?)])?, args)?)
        }
    };
    let y = float(args, "Gemm", &[Some(&a), Some(&b), bias.as_ref()])?;
    if args.optional(7).is_none() { Ok(y) } else { bytes(args, &y, 7) }
}

/// `y = table[x as u8]`; the table has 256 elements.
fn table(args: &Arguments<'_>) -> Result<Tensor, Error> {
    let (x, table) = (args.tensor(0)?, args.tensor(1)?);
    if table.len() != 256 {
        return Err(args.error(format!("a table of {} elements, 256 are needed", table.len())));
    }
    let index: Vec<usize> = match x.data() {
        TensorData::U8(x) => x.iter().map(|&x| x.into()).collect(),
        TensorData::I8(x) => x.iter().map(|&x| (x as u8).into()).collect(),
        other => return Err(args.wrong_type(other.data_type())),
    };
    let data = match table.data() {
        TensorData::U8(table) => TensorData::U8(index.iter().map(|&at| table[at]).collect()),
        TensorData::I8(table) => TensorData::I8(index.iter().map(|&at| table[at]).collect()),
        other => return Err(args.wrong_type(other.data_type())),
    };
    Tensor::new(x.shape(), data)
}
