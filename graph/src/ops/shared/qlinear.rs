//! What the operators on bytes share: those of ONNX Runtime's domain `com.microsoft`, and those of ONNX.
//!
//! Their meaning is that of the float operator between a `DequantizeLinear` and a `QuantizeLinear`; the attributes
//! `clamp_low` and `clamp_high`, in steps of the output, narrow the last one's range
//! (see [`passes::fuse_quantized`](crate::passes::fuse_quantized)).

use super::super::eight_bit::{Compute, WhyFloat};
use super::super::operator::Operator;
use super::arguments::Arguments;
use super::operands::Operands;
use super::quantized_value::QuantizedValue;
use super::scales;
use crate::{Error, Node, Tensor, TensorData};

/// See [`Compute`]: an operator without weights, of so many activations, all of whose nodes take part.
pub(crate) const fn compute(
    data_inputs: usize,
    on_bytes: fn(&Node, &Operands, &QuantizedValue) -> Result<Option<Node>, Error>,
) -> Compute {
    const ALL: WhyFloat = |_, _| Ok(None);
    Compute { data_inputs, weight_axis: None, why_float: ALL, on_bytes }
}

/// A node of `operator` with the attributes of `node`, which reads `inputs`.
pub(crate) fn node(operator: &'static Operator, inputs: Vec<String>, node: &Node) -> Node {
    Node { op: operator.into(), inputs, ..node.clone() }
}

/// All inputs of `node` as operators on bytes take them, if they are bytes of the type of `to` with one scale each.
pub(crate) fn operands(node: &Node, operands: &Operands, to: &QuantizedValue) -> Option<Vec<String>> {
    let mut inputs = Vec::with_capacity(3 * node.inputs.len() + 2);
    for input in &node.inputs {
        let bytes =
            operands.bytes(input).filter(|bytes| bytes.per_tensor() && bytes.data_type == to.data_type)?;
        inputs.extend(operand(&bytes));
    }
    Some(inputs)
}

/// Bytes as operators take them: value, scale, zero point.
pub(crate) fn operand(bytes: &QuantizedValue) -> [String; 3] {
    [bytes.value.clone(), bytes.scale.clone(), bytes.zero_point.clone()]
}

/// What operators take of their output: scale, zero point.
pub(crate) fn output(to: &QuantizedValue) -> [String; 2] {
    [to.scale.clone(), to.zero_point.clone()]
}

/// Bytes, scale and zero point from input `first` on, as floats; several scales lie along `axis`.
pub(crate) fn real(args: &Arguments<'_>, first: usize, axis: i64) -> Result<Tensor, Error> {
    let node = Node::new(&args.node().name, "DequantizeLinear", &["x", "s", "z"], &["y"]).with("axis", axis);
    let inputs = [Some(args.tensor(first)?), Some(args.tensor(first + 1)?), args.optional(first + 2)];
    scales::dequantize(&Arguments::new(&node, &inputs))
}

/// The only output of a float operator, with the attributes of the node.
pub(crate) fn float(
    args: &Arguments<'_>,
    operator: &'static Operator,
    inputs: &[Option<&Tensor>],
) -> Result<Tensor, Error> {
    let node = Node { op: operator.into(), ..args.node().clone() };
    let outputs = (operator.evaluate)(&Arguments::new(&node, inputs))?;
    outputs.into_iter().next().ok_or_else(|| args.error("has no output"))
}

/// Floats to bytes, scale and zero point from input `first` on, clamped.
pub(crate) fn bytes(args: &Arguments<'_>, x: &Tensor, first: usize) -> Result<Tensor, Error> {
    let node = Node::new(&args.node().name, "QuantizeLinear", &["x", "s", "z"], &["y"]);
    let inputs = [Some(x), Some(args.tensor(first)?), Some(args.tensor(first + 1)?)];
    let y = scales::quantize(&Arguments::new(&node, &inputs))?;
    let shape = y.shape().to_vec();
    let data = match y.into_data() {
        TensorData::U8(mut y) => {
            let (low, high) = clamp(args.node(), 0, 255)?;
            y.iter_mut().for_each(|y| *y = i32::from(*y).clamp(low, high) as u8);
            TensorData::U8(y)
        }
        TensorData::I8(mut y) => {
            let (low, high) = clamp(args.node(), -128, 127)?;
            y.iter_mut().for_each(|y| *y = i32::from(*y).clamp(low, high) as i8);
            TensorData::I8(y)
        }
        other => return Err(args.wrong_type(other.data_type())),
    };
    Tensor::new(shape, data)
}

/// The range of a node's attributes `clamp_low` and `clamp_high`: that of the type where they are absent.
pub(crate) fn clamp(node: &Node, low: i32, high: i32) -> Result<(i32, i32), Error> {
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
