//! `Constant`. The importer turns such nodes into constants of the graph.

use super::example::{Example, Value};
use super::operator::Operator;
use super::shared::inputs::Inputs;
use crate::{Attribute, Error, Node, Tensor, TensorType};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(&[], &[("value", Value::Tensor(1.5))]),
        Example::new(&[], &[("value_ints", Value::Ints(&[1, 2]))]),
    ],
    output_type: |node, _| value(node).ok().map(|value| value.data_type()),
    ..Operator::new("Constant", "a tensor of the model", infer, |args| Ok(vec![value(args.node())?]))
};

fn infer(inputs: &Inputs<'_>) -> Result<Vec<TensorType>, Error> {
    Ok(vec![TensorType::of(&value(inputs.node)?)])
}

/// The tensor of a node.
pub(crate) fn value(node: &Node) -> Result<Tensor, Error> {
    let mut attributes = node.attributes.iter();
    let (Some((name, value)), None) = (attributes.next(), attributes.next()) else {
        return Err(Error::node(node, "needs exactly one attribute, the value"));
    };
    match (name.as_str(), value) {
        ("value", Attribute::Tensor(tensor)) => Ok(tensor.clone()),
        ("value_float", &Attribute::Float(value)) => Ok(Tensor::scalar(value)),
        ("value_int", &Attribute::Int(value)) => Ok(Tensor::scalar(value)),
        ("value_floats", Attribute::Floats(values)) => Ok(Tensor::vector(values.as_slice())),
        ("value_ints", Attribute::Ints(values)) => Ok(Tensor::vector(values.as_slice())),
        (_, value) => {
            Err(Error::attribute(node, name, format!("{} is not a constant's value here", value.kind())))
        }
    }
}
