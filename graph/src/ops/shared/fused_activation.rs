//! The activations that ONNX Runtime fuses into a product, with their parameters in a list.

use super::expansion::Expansion;
use crate::{Error, Node, Tensor, quoted};

/// The attributes of the activation, which the product itself does not have.
pub(crate) const ATTRIBUTES: [&str; 2] = ["activation", "activation_params"];

/// Adds the activation that the attributes of `node` name, applied to `input`.
pub(crate) fn add(expansion: &mut Expansion<'_, '_, '_>, node: &Node, input: &str) -> Result<(), Error> {
    let name = node.string("activation", "")?;
    let parameters = node.floats("activation_params")?.unwrap_or_default();
    let needs = match name {
        "" | "Relu" | "Sigmoid" | "Tanh" => 0,
        "LeakyRelu" => 1,
        "Clip" | "HardSigmoid" => 2,
        other => return Err(Error::unsupported(node, format!("the activation {}", quoted(other)))),
    };
    if !parameters.is_empty() && parameters.len() != needs {
        let reason = format!("has {} numbers for an activation that needs {needs}", parameters.len());
        return Err(Error::attribute(node, "activation_params", reason));
    }
    match *parameters {
        [low, high] if name == "Clip" => {
            let low = expansion.constants.add(node, "low", Tensor::scalar(low));
            let high = expansion.constants.add(node, "high", Tensor::scalar(high));
            expansion.add(name, &[input, &low, &high]);
        }
        _ if name.is_empty() => {}
        _ => {
            expansion.add(name, &[input]);
            for (name, &value) in ["alpha", "beta"].into_iter().zip(parameters) {
                expansion.set(name, value);
            }
        }
    }
    Ok(())
}
