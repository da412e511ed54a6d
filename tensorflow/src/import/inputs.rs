//! The inputs of the graph: placeholders, and values where the graph is cut.

use std::collections::{HashMap, HashSet};

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
    let first_cuts: HashSet<&str> =
        inputs.iter().filter(|(_, port)| *port == 0).map(|(node, _)| node.name.as_str()).collect();
    let is_placeholder = |node: &NodeDef| {
        node.op.starts_with("Placeholder")
            && node.op != "PlaceholderWithDefault"
            && !first_cuts.contains(node.name.as_str())
    };
    inputs.extend(order.iter().filter(|node| is_placeholder(node)).map(|&node| (node, 0)));
    let given: HashMap<Reference<'_>, &Shape> =
        options.shapes.iter().rev().map(|(name, shape)| (Reference::new(name), shape)).collect();
    let mut read = of_readers(nodes, order, &inputs);
    for (node, port) in inputs {
        let operation = Operation { node, inputs: Vec::new() };
        let name = Reference { node: &node.name, port: Some(port) };
        let shape = match given.get(&name) {
            Some(&shape) => Some(shape.clone()),
            None => match declared(&operation, port)? {
                Some(shape) => Some(shape),
                // Old graphs have the shape of a number where they mean an unknown one.
                None => match read.remove(&name) {
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

/// For each of `inputs`, the shape of an image of any size with the channels of the first convolution that reads it.
fn of_readers<'d>(
    nodes: &Nodes<'d>,
    order: &[&'d NodeDef],
    inputs: &[(&'d NodeDef, usize)],
) -> HashMap<Reference<'d>, Shape> {
    // For each image, the input that it is.
    let mut images: HashMap<Reference<'d>, Reference<'d>> = HashMap::new();
    for &(node, port) in inputs {
        let input = Reference { node: &node.name, port: Some(port) };
        images.insert(input, input);
    }
    let mut seen = HashSet::new();
    let mut shapes = HashMap::new();
    for &node in order {
        let first = node.input.first().map(|input| Reference::new(input));
        let Some(&input) = first.and_then(|first| images.get(&first)) else { continue };
        match node.op.as_str() {
            "Conv2D" | "DepthwiseConv2dNative" | "_FusedConv2D" | "FusedDepthwiseConv2dNative" => {
                if seen.insert(input)
                    && let Some(channels) = channels(nodes, node)
                {
                    shapes.insert(input, vec![None, None, None, Some(channels)]);
                }
            }
            op if PREPARING.contains(&op) => {
                images.entry(Reference { node: &node.name, port: Some(0) }).or_insert(input);
            }
            _ => {}
        }
    }
    shapes
}

/// The channels of a convolution's input.
fn channels(nodes: &Nodes<'_>, convolution: &NodeDef) -> Option<usize> {
    let mut filter = *nodes.get(Reference::new(convolution.input.get(1)?).node)?;
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
    usize::try_from(channels.size).ok()
}
