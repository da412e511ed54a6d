//! `Cast`: floats truncate to integers and saturate; integers wrap; every value but 0 is true.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::inputs::Inputs;
use super::shared::upgrade::Constants;
use crate::{Attribute, DataType, Error, Node, Tensor, TensorData, TensorType, onnx, quoted};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[1, 3, 4, 5])], &[("to", Value::Int(7))]),
        Example::new(&[Input::Bytes(&[7])], &[("to", Value::Int(1))]),
        Example::new(&[Input::Booleans(&[7])], &[("to", Value::Int(6))]),
    ],
    elementwise: true,
    output_type: |node, _| to(node).ok(),
    upgrade,
    ..Operator::new("Cast", "the elements as another type", infer, evaluate)
};

pub(crate) fn to(node: &Node) -> Result<DataType, Error> {
    onnx::type_attribute(node, "to")?.ok_or_else(|| Error::attribute(node, "to", "is missing"))
}

/// Before operator set 6, `to` was the name of a type.
fn upgrade(node: Node, version: i64, _: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    if version >= 6 || !matches!(node.attributes.get("to"), Some(Attribute::String(_))) {
        return Ok(vec![node]);
    }
    let name = node.string("to", "")?;
    let number = onnx::number_of_type(name)
        .ok_or_else(|| Error::unsupported(&node, format!("elements of type {}", quoted(name))))?;
    Ok(vec![node.with("to", number)])
}

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    Ok(vec![TensorType::new(to(inputs.node)?, inputs.shape(0)?)])
}

fn evaluate(args: &Arguments<'_>) -> Result<Vec<Tensor>, Error> {
    Ok(vec![converted(args.tensor(0)?, to(args.node())?)?])
}

/// The elements of `input` as another type.
pub(crate) fn converted(input: &Tensor, to: DataType) -> Result<Tensor, Error> {
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
