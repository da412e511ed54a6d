//! `QLinearSoftmax`. Its attribute `opset` says by which definition of `Softmax`.

use super::operator::Operator;
use super::shared::upgrade::Constants;
use super::shared::{qlinear_unary, softmax};
use crate::{Error, Node};

pub(crate) static OP: Operator = qlinear_unary::operator("QLinearSoftmax", "Softmax on bytes", expand);

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
