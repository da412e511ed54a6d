//! Sums of products of bytes as floats.

use super::expansion::Expansion;

/// Adds `float(sums) · (scale · scale) + bias`.
pub(crate) fn scaled(
    expansion: &mut Expansion<'_, '_, '_>,
    sums: &str,
    [a, b]: [&str; 2],
    bias: Option<&str>,
) {
    let sums = expansion.add("Cast", &[sums]);
    // TensorProto.DataType of onnx.proto3: a float.
    expansion.set("to", 1);
    let scale = expansion.add("Mul", &[a, b]);
    let product = expansion.add("Mul", &[&sums, &scale]);
    if let Some(bias) = bias {
        expansion.add("Add", &[&product, bias]);
    }
}
