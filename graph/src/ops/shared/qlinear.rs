//! Shared by the operators on bytes, those of ONNX Runtime's domain `com.microsoft` and those of ONNX.
//!
//! They mean the float operator between a `DequantizeLinear` and a `QuantizeLinear`, except `QLinearAdd` and `QLinearMul`,
//! whose results are those of ONNX Runtime. Products without scale and zero point of an output have a float output; then their
//! bias may be float. `QLinearMatMul` may have a bias after them. The attributes `clamp_low` and `clamp_high`, in steps of the output, restrict the
//! output's range (see [`passes::fuse_quantized`](crate::passes::fuse_quantized)).

use eightbit::reference::Operand;
use eightbit::{ElementType, QuantizedType};

use super::super::eight_bit::{Compute, EightBit, OnBytes, WhyFloat};
use super::super::example::{Example, Input};
use super::super::operator::{Evaluate, Infer, Operator};
use super::arguments::Arguments;
use super::binary::broadcast_of;
use super::clamp::clamp;
use super::domains::MICROSOFT;
use super::indexing::{Offsets, broadcast_strides};
use super::inputs::Inputs;
use super::operands::Operands;
use super::quantized_value::QuantizedValue;
use super::scales;
use crate::{DataType, Error, Node, Tensor, TensorData, TensorType};

/// See [`Compute`]: an operator without weights, with this number of activations, all of whose nodes take part.
pub(crate) const fn compute(data_inputs: usize, on_bytes: OnBytes) -> Compute {
    const ALL: WhyFloat = |_, _| Ok(None);
    Compute { data_inputs, weight_axis: None, why_float: ALL, on_bytes }
}

/// An operator on bytes of ONNX Runtime.
pub(crate) const fn operator(
    name: &'static str,
    summary: &'static str,
    infer: Infer,
    evaluate: Evaluate,
) -> Operator {
    Operator {
        domains: &[MICROSOFT],
        eight_bit: EightBit::Bytes,
        ..Operator::new(name, summary, infer, evaluate)
    }
}

/// An operator on two tensors of bytes, broadcast to a common shape.
pub(crate) const fn binary_operator(
    name: &'static str,
    summary: &'static str,
    evaluate: Evaluate,
) -> Operator {
    const SHAPE: &[usize] = &[1, 3, 4, 5];
    const EXAMPLE: Example = Example::new(
        &[Input::Quantized(SHAPE, 0.05, 100), Input::Quantized(SHAPE, 0.02, 7), Input::Scale(0.06, 90)],
        &[],
    );
    Operator { examples: &[EXAMPLE], ..operator(name, summary, infer_binary, evaluate) }
}

fn infer_binary(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    inputs.like(7, broadcast_of(inputs.node, inputs.shape(0)?, inputs.shape(3)?)?)
}

/// A node of `operator` with the attributes of `node`, which reads `inputs`.
pub(crate) fn node(operator: &'static Operator, inputs: Vec<String>, node: &Node) -> Node {
    Node { op: operator.into(), inputs, ..node.clone() }
}

/// `node` on bytes, if its output is quantized: `operator`, which reads the [`operands`] and then the parameters of `to`.
pub(crate) fn on_bytes(
    operator: &'static Operator,
    node: &Node,
    operands: &Operands,
    to: Option<&QuantizedValue>,
    factors: fn(Vec<f32>) -> Vec<f32>,
) -> Option<Node> {
    let inputs = self::operands(node, operands, to, factors)?.into_iter().chain(output(to)).collect();
    Some(self::node(operator, inputs, node))
}

/// All inputs of `node` as operators on bytes take them, if there is a quantized output `to`, if they are bytes of its type with one
/// scale each, and if kernels can multiply by the quotients that `factors` makes of their scales and that of `to`.
pub(crate) fn operands(
    node: &Node,
    operands: &Operands,
    to: Option<&QuantizedValue>,
    factors: fn(Vec<f32>) -> Vec<f32>,
) -> Option<Vec<String>> {
    let to = to?;
    let mut inputs = Vec::with_capacity(3 * node.inputs.len() + 2);
    let mut scales = Vec::with_capacity(node.inputs.len());
    for input in &node.inputs {
        let bytes =
            operands.bytes(input).filter(|bytes| bytes.per_tensor() && bytes.data_type == to.data_type)?;
        inputs.extend(operand(&bytes));
        scales.push(bytes.scales[0]);
    }
    multipliers_exist(factors(scales).iter().map(|factor| factor / to.scales[0])).then_some(inputs)
}

/// A quantized value as inputs of an operator: value, scale, zero point.
pub(crate) fn operand(bytes: &QuantizedValue) -> [String; 3] {
    bytes.names.clone()
}

/// The output's parameters as inputs of an operator: scale, zero point; both left out for a float output.
pub(crate) fn output<'v>(to: impl Into<Option<&'v QuantizedValue>>) -> [String; 2] {
    let Some(to) = to.into() else { return Default::default() };
    let [_, scale, zero_point] = to.names.clone();
    [scale, zero_point]
}

/// Dequantizes the bytes in input `first`, with scale and zero point in the next two; several scales are along `axis`.
pub(crate) fn real(args: &Arguments<'_>, first: usize, axis: i64) -> Result<Tensor, Error> {
    let node = Node::new(&args.node().name, "DequantizeLinear", &["x", "s", "z"], &["y"]).with("axis", axis);
    let inputs = [Some(args.tensor(first)?), Some(args.tensor(first + 1)?), args.optional(first + 2)];
    scales::dequantize(&Arguments::new(&node, &inputs))
}

/// The only output of a float operator with this evaluation and the attributes of the node.
pub(crate) fn float(
    args: &Arguments<'_>,
    evaluate: Evaluate,
    inputs: &[Option<&Tensor>],
) -> Result<Tensor, Error> {
    let outputs = evaluate(&Arguments::new(args.node(), inputs))?;
    outputs.into_iter().next().ok_or_else(|| args.error("has no output"))
}

/// The quantized activations and weights of a product, its inputs 0 and 1, if there is one scale for all activations.
pub(crate) fn factors(node: &Node, operands: &Operands) -> Result<Option<[QuantizedValue; 2]>, Error> {
    let [a, b] = [node.required_input(0)?, node.required_input(1)?].map(|input| operands.bytes(input));
    let (a, b) = (a.filter(QuantizedValue::per_tensor), b.filter(QuantizedValue::eight_bits));
    Ok(a.zip(b).map(|(a, b)| [a, b]))
}

/// Quantizes floats, with scale and zero point in the inputs `first` and `first + 1`, and clamps.
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

/// A clamped function of elements `a` and `b` and the types of both and of the result.
pub(crate) type OnElements = fn(Operand<'_>, Operand<'_>, &QuantizedType, (i32, i32)) -> i32;

/// `QLinearAdd` and `QLinearMul`. Inputs: a, scale, zero point, b, scale, zero point, scale and zero point of the output. The
/// results are those of ONNX Runtime, as the crate `eightbit` defines them, not those of the float operator: the executor,
/// constant folding and the evaluator agree in every bit.
pub(crate) fn binary(args: &Arguments<'_>, on_elements: OnElements) -> Result<Vec<Tensor>, Error> {
    let to = quantized(args, args.tensor(7)?.data_type(), 6)?;
    let (low, high) = to.element().integer_range();
    let clamp = clamp(args.node(), low, high)?;
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
    let shape = broadcast_of(args.node(), a.shape(), b.shape())?;
    args.count(&shape)?;
    let offsets = |tensor: &Tensor| Offsets::new(&shape, &broadcast_strides(tensor.shape(), &shape));
    let results = offsets(a)
        .zip(offsets(b))
        .map(|(a, b)| on_elements((left[a], &a_type), (right[b], &b_type), &to, clamp));
    let data = match to.element() {
        ElementType::I8 => TensorData::I8(results.map(|value| value as i8).collect()),
        _ => TensorData::U8(results.map(|value| value as u8).collect()),
    };
    Ok(vec![Tensor::new(shape, data)?])
}

/// The quantization of bytes of a type whose only scale and zero point are the inputs `index` and `index + 1`.
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

/// Whether kernels can multiply by these quotients of scales. For scales at the ends of `f32` they cannot, and the operator
/// stays float. `2¹⁰⁰` is the limit of the crate `eightbit`.
pub(crate) fn multipliers_exist(mut multipliers: impl Iterator<Item = f32>) -> bool {
    let largest = 2f32.powi(100);
    multipliers.all(|multiplier| multiplier > 0.0 && multiplier <= largest)
}

/// As [`multipliers_exist`], for sums of products whose steps are `step` times these scales; their output is `to` or float.
/// For a float output the steps must be normal numbers, which have all their digits.
pub(crate) fn product_multipliers_exist(step: f32, scales: &[f32], to: Option<&QuantizedValue>) -> bool {
    let steps = || scales.iter().map(|scale| step * scale);
    match to {
        Some(to) => multipliers_exist(steps().map(|step| step / to.scales[0])),
        None => multipliers_exist(steps()) && steps().all(f32::is_normal),
    }
}

/// The type of an output whose scale and zero point are the inputs `scale` and `scale + 1`: float without them.
pub(crate) fn output_type(inputs: &Inputs<'_>, scale: usize) -> Result<DataType, Error> {
    match (inputs.optional(scale), inputs.optional(scale + 1)) {
        (None, None) => Ok(DataType::F32),
        (Some(_), Some(zero)) => Ok(zero.data_type),
        _ => {
            Err(inputs.error("the output has a scale without a zero point, or a zero point without a scale"))
        }
    }
}
