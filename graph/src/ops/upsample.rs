//! `Upsample`, which `Resize` replaced in operator set 10: it multiplies coordinates.

use super::operator::Operator;
use super::resize;
use super::shared::upgrade::Constants;
use crate::{Error, Node, Tensor};

pub(crate) static OP: Operator = Operator {
    since: 7,
    upgrade,
    ..Operator { name: "Upsample", summary: "as Resize with multiplied coordinates", ..resize::OP }
};

/// `scales` became an input with operator set 9.
fn upgrade(mut node: Node, version: i64, constants: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    if version < 9 {
        let scales = node.floats("scales")?.ok_or_else(|| Error::attribute(&node, "scales", "is missing"))?;
        let name = constants.add(&node, "scales", Tensor::vector(scales));
        node.inputs.push(name);
        node.attributes.remove("scales");
    }
    node.op = (&resize::OP).into();
    (resize::OP.upgrade)(node, version.min(10), constants)
}
