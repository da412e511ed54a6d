//! `FusedConv`: a convolution, an optional sum with another tensor, and an activation.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::expansion::{self, Expansion};
use super::shared::fused_activation;
use super::shared::upgrade::Constants;
use crate::{Error, Node};

pub(crate) static OP: Operator = Operator {
    examples: &[
        Example::new(
            &[Input::Floats(&[1, 3, 7, 6]), Input::Weights(&[4, 3, 3, 2]), Input::Weights(&[4])],
            &[("pads", Value::Ints(&[1, 0, 1, 1])), ("activation", Value::Text("Relu"))],
        ),
        Example::new(
            &[
                Input::Floats(&[1, 2, 5, 5]),
                Input::Weights(&[2, 2, 1, 1]),
                Input::Absent,
                Input::Floats(&[1, 2, 5, 5]),
            ],
            &[("activation", Value::Text("LeakyRelu")), ("activation_params", Value::Floats(&[0.1]))],
        ),
    ],
    ..expansion::operator("FusedConv", "Conv, Add and an activation", expand)
};

fn expand(node: &Node, constants: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    let mut expansion = Expansion::new(node, constants);
    let inputs = [node.required_input(0)?, node.required_input(1)?, node.input(2).unwrap_or_default()];
    let used = if node.input(2).is_some() { 3 } else { 2 };
    let mut sums = expansion.add("Conv", &inputs[..used]);
    for (name, value) in &node.attributes {
        if !fused_activation::ATTRIBUTES.contains(&name.as_str()) {
            expansion.set(name, value.clone());
        }
    }
    if let Some(other) = node.input(3) {
        sums = expansion.add("Add", &[&sums, other]);
    }
    fused_activation::add(&mut expansion, node, &sums)?;
    expansion.finish()
}
