//! Decides which nodes can take part in an eight-bit graph, by their operators' definitions.

use crate::ops::eight_bit::{EightBit, WhyFloat};
use crate::ops::shared::values::Values;
use crate::{DataType, Error, Graph, Node, escaped, quoted};

/// How `node` takes part, or why it stays float.
pub(super) fn kind(node: &Node, values: &Values<'_>) -> Result<Result<&'static EightBit, String>, Error> {
    fn stays<T>(reason: String) -> Result<Result<T, String>, Error> {
        Ok(Err(reason))
    }
    let Some(operator) = node.operator() else {
        return stays(format!(
            "no eight-bit kernel for {} of domain {}",
            escaped(node.op.as_str()),
            quoted(node.op.domain())
        ));
    };
    const ALL: WhyFloat = |_, _| Ok(None);
    let why_float = match &operator.eight_bit {
        EightBit::Float | EightBit::Bytes => return Ok(Ok(&operator.eight_bit)),
        EightBit::Compute(compute) => compute.why_float,
        EightBit::Move(how) => how.why_float,
        EightBit::Clamp(_) | EightBit::Table => ALL,
    };
    if node.outputs.iter().filter(|output| !output.is_empty()).count() > operator.data_outputs(node).count() {
        return stays("its second output cannot be eight-bit".to_owned());
    }
    if let Some(reason) = why_float(node, values)? {
        return stays(reason);
    }
    if let EightBit::Clamp(bounds) = operator.eight_bit
        && bounds(node, &|name| values.constant(name)).is_none()
    {
        return stays("its bounds are not constant numbers, the lower one first".to_owned());
    }
    let mut any = false;
    for input in data_inputs(node, |name| values.is_constant(name)) {
        match values.data_type(input) {
            Some(DataType::F32) => {}
            Some(other) => return stays(format!("it works on {other} values")),
            None => return stays(format!("the type of {} is not known", quoted(input))),
        }
        any |= !values.is_constant(input);
    }
    if any { Ok(Ok(&operator.eight_bit)) } else { stays("all its inputs are constant".to_owned()) }
}

/// The inputs of `node` that are activations, or constants in the place of one: not constant weights.
pub(super) fn data_inputs(node: &Node, is_constant: impl Fn(&str) -> bool) -> impl Iterator<Item = &str> {
    let count = match node.operator().map(|operator| operator.eight_bit) {
        Some(EightBit::Compute(compute))
            if compute.weight_axis.is_some() && node.input(1).is_some_and(is_constant) =>
        {
            1
        }
        Some(EightBit::Compute(compute)) => compute.data_inputs,
        _ => 1,
    };
    node.inputs.iter().take(count).map(String::as_str)
}

/// The outputs of `node` that can become bytes.
pub(super) fn data_outputs(node: &Node) -> impl Iterator<Item = &str> {
    node.operator().into_iter().flat_map(move |operator| operator.data_outputs(node))
}

/// The bounds of a clamping node; infinite where there is none. [`kind`] rejects nodes without constant bounds.
pub(crate) fn bounds(node: &Node, graph: &Graph) -> Result<(f32, f32), Error> {
    let bounds = match node.operator().map(|operator| operator.eight_bit) {
        Some(EightBit::Clamp(bounds)) => bounds(node, &|name| graph.constants.get(name)),
        _ => None,
    };
    bounds.ok_or_else(|| Error::node(node, "its bounds are not constant"))
}
