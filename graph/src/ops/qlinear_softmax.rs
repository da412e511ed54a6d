//! `QLinearSoftmax`. Its attribute `opset` says by which definition of `Softmax`.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::upgrade::Constants;
use super::shared::{qlinear_unary, softmax};
use crate::{Error, Node};

pub(crate) static OP: Operator = Operator {
    examples: &[Example::new(
        &[Input::Quantized(&[2, 3, 5], 0.05, 100), Input::Scale(0.004, 0)],
        &[("axis", Value::Int(1)), ("opset", Value::Int(11))],
    )],
    ..qlinear_unary::operator("QLinearSoftmax", "Softmax on bytes", expand)
};

fn expand(node: &Node, constants: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    let version = node.int("opset", 13)?;
    let nodes = qlinear_unary::expand(node, constants, "Softmax", &["axis"])?;
    let mut upgraded = Vec::with_capacity(nodes.len());
    for node in nodes {
        if node.is(&super::softmax::OP) {
            upgraded.extend(softmax::upgrade(node, version, constants)?);
        } else {
            upgraded.push(node);
        }
    }
    Ok(upgraded)
}
