//! `FusedGemm`: `Gemm` and an activation.

use super::example::{Example, Input, Value};
use super::operator::Operator;
use super::shared::expansion::{self, Expansion};
use super::shared::fused_activation;
use super::shared::upgrade::Constants;
use crate::{Attribute, Error, Node};

pub(crate) static OP: Operator = Operator {
    examples: &[Example::new(
        &[Input::Floats(&[3, 4]), Input::Weights(&[5, 4]), Input::Weights(&[5])],
        &[("transB", Value::Int(1)), ("activation", Value::Text("Sigmoid"))],
    )],
    ..expansion::operator("FusedGemm", "Gemm and an activation", expand)
};

fn expand(node: &Node, constants: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    let mut expansion = Expansion::new(node, constants);
    let inputs: Vec<&str> = node.inputs.iter().map(String::as_str).collect();
    let product = expansion.add("Gemm", &inputs);
    for name in ["alpha", "beta", "transA", "transB"] {
        if let Some(value) = node.attributes.get(name) {
            expansion.set(name, value.clone());
        }
    }
    // Its parameters have names here, not places in a list.
    let parameter = |name: &str| node.optional_float(name);
    let named =
        [parameter("activation_alpha")?, parameter("activation_beta")?, parameter("activation_gamma")?];
    let parameters: Vec<f32> = named.into_iter().flatten().collect();
    let listed = node.clone().with("activation_params", Attribute::Floats(parameters));
    fused_activation::add(&mut expansion, &listed, &product)?;
    expansion.finish()
}
