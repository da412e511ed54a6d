//! Nodes that decide what is computed: constants, what passes its input on, and branches.

use eightbit_graph::{DataType, Error, element_count};

use super::importer::{Importer, Value};
use super::operation::Operation;
use super::tensor;
use crate::node::type_of;
use crate::proto::{self, NodeDef};

/// Operators that return their input, at least in a graph that is not trained.
const PASSING: [&str; 10] = [
    "Identity",
    "IdentityN",
    "CheckNumerics",
    "StopGradient",
    "PreventGradient",
    "Snapshot",
    "PlaceholderWithDefault",
    "ReadVariableOp",
    "EnsureShape",
    "DebugIdentity",
];

/// The names of the operators that decide what is computed.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    ["Const", "Switch", "RefSwitch", "Merge", "RefMerge", "Bitcast"].into_iter().chain(PASSING)
}

/// Whether nodes of this operator decide what is computed, or may.
pub(super) fn decides(op: &str) -> bool {
    names().any(|name| name == op)
}

/// The outputs of a node that decides what is computed; `None` for all others.
pub(super) fn outputs<'d>(
    importer: &mut Importer<'d>,
    node: &'d NodeDef,
    values: &[Value],
) -> Result<Option<Vec<Value>>, Error> {
    let operation = Operation { node, inputs: Vec::new() };
    Ok(match node.op.as_str() {
        "Const" => Some(vec![constant(importer, &operation)?]),
        "Switch" | "RefSwitch" => Some(switch(importer, &operation, values)?),
        "Merge" | "RefMerge" => Some(merge(importer, &operation, values)?),
        op if PASSING.contains(&op) => Some(values.to_vec()),
        "Bitcast" if is_same_here(&operation) => Some(values.to_vec()),
        _ => None,
    })
}

/// Whether a `Bitcast` is between types that are one in a graph, as codes of 32 bits and `int32` are.
fn is_same_here(operation: &Operation<'_>) -> bool {
    let data_type = |attribute| type_of(operation.node, attribute);
    matches!(
        (data_type("T").and_then(of_bits), data_type("type").and_then(of_bits)),
        (Some(from), Some(to)) if from == to
    )
}

/// The element type of a type of TensorFlow that has as many bits here.
fn of_bits(number: i32) -> Option<DataType> {
    use proto::DataType as Type;
    let is_widened = [Type::Half, Type::Bfloat16, Type::Int16, Type::Uint16, Type::Uint32]
        .contains(&Type::try_from(number).ok()?);
    tensor::data_type(number).filter(|_| !is_widened)
}

fn constant<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Value, Error> {
    let proto = operation.tensor("value")?;
    let Some(data_type) = tensor::data_type(proto.dtype) else {
        // Text, resources: the message of an assertion is not used here.
        if proto.dtype != proto::DataType::String as i32 {
            importer.add_missing(operation.node);
        }
        return Ok(Value::Unknown);
    };
    let dims = proto.tensor_shape.iter().flat_map(|shape| &shape.dim);
    let sizes: Vec<usize> = dims.map(|dim| usize::try_from(dim.size).unwrap_or_default()).collect();
    let count = element_count(&sizes).map_err(|error| operation.error(error.to_string()))?;
    importer.take_bytes(operation, (count as u64).saturating_mul(data_type.size() as u64))?;
    let tensor = tensor::tensor(proto).map_err(|error| operation.error(error.to_string()))?;
    Ok(Value::Named(importer.add_constant(operation, "", tensor)))
}

/// The condition that a branch depends on.
fn condition(
    importer: &Importer<'_>,
    operation: &Operation<'_>,
    value: Option<&Value>,
) -> Result<bool, Error> {
    let constant = match value {
        Some(Value::Named(name)) => importer.constant(name),
        _ => None,
    };
    let constant = constant.and_then(|tensor| tensor.to_scalar::<bool>().ok());
    constant.ok_or_else(|| {
        operation.unsupported(
            "its condition is not a constant: freeze the graph for inference, with fixed conditions",
        )
    })
}

/// Passes its input to the second output if the condition holds, to the first if not.
fn switch(importer: &Importer<'_>, operation: &Operation<'_>, values: &[Value]) -> Result<Vec<Value>, Error> {
    let [data, ..] = values else { return Err(operation.error("it has no inputs")) };
    if values.contains(&Value::Dead) {
        return Ok(vec![Value::Dead; 2]);
    }
    // What the condition depends on is reported already: loops.
    if values.contains(&Value::Unknown) {
        return Ok(vec![Value::Unknown; 2]);
    }
    let mut outputs = vec![Value::Dead, data.clone()];
    if !condition(importer, operation, values.get(1))? {
        outputs.reverse();
    }
    Ok(outputs)
}

/// Passes on the input that is computed, and its index.
fn merge<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    values: &[Value],
) -> Result<Vec<Value>, Error> {
    let mut live = values.iter().enumerate().filter(|(_, value)| **value != Value::Dead);
    let Some((index, value)) = live.next() else { return Ok(vec![Value::Dead; 2]) };
    if live.next().is_some() {
        if values.contains(&Value::Unknown) {
            return Ok(vec![Value::Unknown; 2]);
        }
        return Err(
            operation.unsupported("several of its inputs are computed: its condition is not a constant")
        );
    }
    let index = eightbit_graph::Tensor::scalar(i32::try_from(index).unwrap_or_default());
    let index = importer.add_constant(operation, "index", index);
    Ok(vec![value.clone(), Value::Named(index)])
}
