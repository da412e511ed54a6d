//! The inputs of the graph: placeholders, and values where the graph is cut.

use std::collections::HashSet;

use eightbit_graph::{DataType, Error};

use super::importer::Importer;
use super::index::Nodes;
use super::operation::Operation;
use super::{ImportOptions, Reference};
use crate::proto::{NodeDef, Value};

/// Dimensions; `None` for those that may differ from run to run.
type Shape = Vec<Option<usize>>;

/// Adds the inputs: `cuts`, then the placeholders in `order`.
pub(super) fn add<'d>(
    importer: &mut Importer<'d>,
    nodes: &Nodes<'d>,
    order: &[&'d NodeDef],
    cuts: &[Reference<'_>],
    options: &ImportOptions,
) -> Result<(), Error> {
    let cut = |reference: &Reference<'_>| Some((*nodes.get(reference.node)?, reference.port?));
    let mut inputs: Vec<(&NodeDef, usize)> = cuts.iter().filter_map(cut).collect();
    for &node in order {
        if node.op.starts_with("Placeholder")
            && node.op != "PlaceholderWithDefault"
            && !inputs.contains(&(node, 0))
        {
            inputs.push((node, 0));
        }
    }
    for (node, port) in inputs {
        let operation = Operation { node, inputs: Vec::new() };
        let name = Reference { node: &node.name, port: Some(port) };
        let given = options.shapes.iter().find(|(given, _)| Reference::new(given) == name);
        let shape = match given {
            Some((_, shape)) => Some(shape.clone()),
            None => match declared(&operation, port)? {
                Some(shape) => Some(shape),
                // Old graphs have the shape of a number where they mean an unknown one.
                None => match of_reader(nodes, order, name) {
                    None if is_number(&operation)? => Some(Vec::new()),
                    found => found,
                },
            },
        };
        let shape = shape.ok_or_else(|| {
            let reason =
                "as an input it needs a shape, which the graph does not say: give it with the input's name";
            Error::value(name.value_name(), reason)
        })?;
        importer.add_input(&node.name, port, data_type(&operation)?, shape);
    }
    Ok(())
}

fn data_type(operation: &Operation<'_>) -> Result<DataType, Error> {
    let names = ["dtype", "DstT", "T"];
    let name = names.into_iter().find(|name| operation.attribute(name).is_some());
    name.map_or(Ok(DataType::F32), |name| operation.data_type(name, DataType::F32))
}

/// Whether the node says that it has the shape of a number.
fn is_number(operation: &Operation<'_>) -> Result<bool, Error> {
    Ok(operation.shape("shape")?.is_some_and(|shape| shape.is_empty()))
}

/// The shape that the node itself says.
fn declared(operation: &Operation<'_>, port: usize) -> Result<Option<Shape>, Error> {
    if operation.node.op.starts_with("Placeholder")
        && let Some(shape) = operation.shape("shape")?
        && !shape.is_empty()
    {
        return Ok(Some(shape));
    }
    let Some(Value::List(shapes)) = operation.attribute("_output_shapes") else { return Ok(None) };
    let shape = shapes.shape.get(port).filter(|shape| !shape.unknown_rank && !shape.dim.is_empty());
    Ok(shape.map(|shape| shape.dim.iter().map(|dim| usize::try_from(dim.size).ok()).collect()))
}

/// Operators between an image and the first convolution that leave its channels as they are.
const PREPARING: [&str; 16] = [
    "Identity",
    "CheckNumerics",
    "Sub",
    "Add",
    "AddV2",
    "Mul",
    "RealDiv",
    "Div",
    "Pad",
    "PadV2",
    "MirrorPad",
    "ResizeBilinear",
    "ResizeNearestNeighbor",
    "FakeQuantWithMinMaxVars",
    "FakeQuantWithMinMaxArgs",
    "Relu",
];

/// The shape of an image of any size with the channels of the convolution that reads it.
fn of_reader(nodes: &Nodes<'_>, order: &[&NodeDef], image: Reference<'_>) -> Option<Shape> {
    let mut images = HashSet::from([image]);
    for node in order {
        let Some(first) = node.input.first().map(|input| Reference::new(input)) else { continue };
        if !images.contains(&first) {
            continue;
        }
        match node.op.as_str() {
            "Conv2D" | "DepthwiseConv2dNative" | "_FusedConv2D" | "FusedDepthwiseConv2dNative" => {
                let mut filter = *nodes.get(Reference::new(node.input.get(1)?).node)?;
                // Filters are constants behind a few nodes that pass them on.
                for _ in 0..4 {
                    if filter.op == "Const" {
                        break;
                    }
                    filter = nodes.get(Reference::new(filter.input.first()?).node)?;
                }
                let filter = Operation { node: filter, inputs: Vec::new() };
                let shape = filter.tensor("value").ok()?.tensor_shape.as_ref()?;
                let [_, _, channels, _] = shape.dim.as_slice() else { return None };
                return Some(vec![None, None, None, Some(usize::try_from(channels.size).ok()?)]);
            }
            op if PREPARING.contains(&op) => {
                images.insert(Reference { node: &node.name, port: Some(0) });
            }
            _ => {}
        }
    }
    None
}
