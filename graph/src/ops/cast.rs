//! `Cast`: floats truncate to integers and saturate; integers wrap; every value but 0 is true.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::arguments::Arguments;
use super::shared::by_element::by_number_of;
use super::shared::inputs::Inputs;
use super::shared::upgrade::Constants;
use crate::data_type::number_types;
use crate::exec::builder::Builder;
use crate::exec::float;
use crate::{Attribute, DataType, Element, Error, Node, Tensor, TensorData, TensorType, onnx, quoted};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[Input::Floats(&[1, 3, 4, 5])], &[("to", Value::Int(7))]),
        Example::new(&[Input::Bytes(&[7])], &[("to", Value::Int(1))]),
        Example::new(&[Input::Booleans(&[7])], &[("to", Value::Int(6))]),
        Example::new(&[Input::Floats(&[1, 3, 4, 5])], &[("to", Value::Int(1))]),
    ],
    elementwise: true,
    lower,
    output_type: |node, _| to(node).ok(),
    upgrade,
    ..Operator::new("Cast", "the elements as another type", infer, evaluate)
};

/// Elements that have the type already need no step.
fn lower(builder: &mut Builder<'_>, node: &Node) -> Result<bool, Error> {
    let from = builder.type_of(node.required_input(0)?)?.data_type;
    if from == to(node)? { float::lower::rename(builder, node) } else { Ok(false) }
}

/// The type that the attribute `to` names.
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

/// Numbers `$x` as the type `$to`.
macro_rules! converted {
    ([$to:expr, $x:expr] $($variant:ident $type:ident $what:literal;)*) => {
        match $to {
            $(DataType::$variant => TensorData::$variant($x.iter().map(|&x| x as $type).collect()),)*
            DataType::Bool => TensorData::Bool($x.iter().map(|&x| x != Default::default()).collect()),
        }
    };
    ($to:expr, $x:expr) => {
        number_types!(converted!($to, $x))
    };
}

/// The elements of `input` as another type.
pub(crate) fn converted(input: &Tensor, to: DataType) -> Result<Tensor, Error> {
    let data = by_number_of!(
        input,
        x => converted!(to, x),
        other => {
            let x: Vec<u8> = bool::slice(other).unwrap_or_default().iter().map(|&x| x.into()).collect();
            converted!(to, x)
        }
    );
    Tensor::new(input.shape(), data)
}
