//! TensorFlow's eight-bit operators, as `quantize_nodes` writes them: they keep their names, in a domain of their own. Those that only move
//! codes are ONNX's operators on bytes.

use std::collections::BTreeMap;

use eightbit_graph::{Attribute, Error, Node, Op, Tensor, ops};

use super::convolution::{Order, padding};
use super::importer::Importer;
use super::operation::Operation;
use super::pool::pool;
use super::table::Function;
use crate::data_types;
use crate::proto::{GraphDef, Value};

/// The domain of the operators.
const DOMAIN: &str = "org.tensorflow";

pub(super) const TABLE: &[(&str, Function)] = &[
    ("Dequantize", dequantize),
    ("QuantizeDownAndShrinkRange", |importer, operation| {
        let inputs = [operation.input(0)?, operation.input(1)?, operation.input(2)?];
        let range = add(importer, operation, "range", "RequantizationRange", &inputs, &[], 2);
        let inputs: Vec<&str> = inputs.into_iter().chain(range.iter().map(String::as_str)).collect();
        let attributes = attributes(operation, &["out_type"])?;
        Ok(add(importer, operation, "", "Requantize", &inputs, &attributes, 3))
    }),
    ("QuantizeV2", |importer, operation| {
        let names = ["T", "mode", "round_mode", "narrow_range", "axis", "ensure_minimum_range"];
        same(importer, operation, &names, 3)
    }),
    ("QuantizedAdd", |importer, operation| same(importer, operation, &[], 3)),
    ("QuantizedAvgPool", |importer, operation| {
        let (kernel, strides) = (sides(operation, "ksize")?, sides(operation, "strides")?);
        let padding = padding(operation, Order::ChannelsLast, None, [0, 0], [1, 1])?;
        let attributes = [("kernel_shape", kernel), ("strides", strides), padding];
        Ok(add(importer, operation, "", "QuantizedAvgPool", &inputs(operation), &attributes, 3))
    }),
    ("QuantizedBatchNormWithGlobalNormalization", |importer, operation| {
        same(importer, operation, &["variance_epsilon", "scale_after_normalization"], 3)
    }),
    ("QuantizedBiasAdd", |importer, operation| same(importer, operation, &[], 3)),
    ("QuantizedConcat", concat),
    ("QuantizedConv2D", |importer, operation| convolution(importer, operation, 3)),
    ("QuantizedMatMul", |importer, operation| same(importer, operation, &["transpose_a", "transpose_b"], 3)),
    ("QuantizedMaxPool", |importer, operation| {
        let mut outputs = pool(importer, operation, "MaxPool")?;
        outputs.extend([operation.input(1)?.to_owned(), operation.input(2)?.to_owned()]);
        Ok(outputs)
    }),
    ("QuantizedMul", |importer, operation| same(importer, operation, &[], 3)),
    ("QuantizedRelu", |importer, operation| same(importer, operation, &[], 3)),
    ("QuantizedRelu6", |importer, operation| same(importer, operation, &[], 3)),
    ("QuantizedReshape", |importer, operation| {
        let shape = importer.as_shape(operation, 1, "shape")?;
        let reshaped = importer.emit(operation, "", "Reshape", &[operation.input(0)?, &shape], &[])?;
        Ok(vec![reshaped, operation.input(2)?.to_owned(), operation.input(3)?.to_owned()])
    }),
    ("QuantizedResizeBilinear", |importer, operation| {
        let size = importer.as_shape(operation, 1, "size")?;
        let inputs = [operation.input(0)?, &size, operation.input(2)?, operation.input(3)?];
        let attributes = attributes(operation, &["align_corners", "half_pixel_centers"])?;
        Ok(add(importer, operation, "", "QuantizedResizeBilinear", &inputs, &attributes, 3))
    }),
    ("RequantizationRange", |importer, operation| same(importer, operation, &[], 2)),
    ("Requantize", |importer, operation| same(importer, operation, &["out_type"], 3)),
];

/// Adds a convolution as it is.
pub(super) fn convolution<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    outputs: usize,
) -> Result<Vec<String>, Error> {
    let padding = padding(operation, Order::ChannelsLast, None, [0, 0], [1, 1])?;
    let attributes =
        [("strides", sides(operation, "strides")?), ("dilations", sides(operation, "dilations")?), padding];
    Ok(add(importer, operation, "", &operation.node.op, &inputs(operation), &attributes, outputs))
}

/// Whether floats become codes: then their ranges may show the last bits of what float operators compute.
pub(super) fn quantizes(graph: &GraphDef) -> bool {
    graph.node.iter().any(|node| node.op == "QuantizeV2")
}

/// Adds the node as it is, with the attributes `names`.
fn same<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    names: &[&'static str],
    outputs: usize,
) -> Result<Vec<String>, Error> {
    let attributes = attributes(operation, names)?;
    Ok(add(importer, operation, "", &operation.node.op, &inputs(operation), &attributes, outputs))
}

fn inputs<'o>(operation: &'o Operation<'_>) -> Vec<&'o str> {
    operation.inputs.iter().map(String::as_str).collect()
}

/// Adds a node of the operator `kind`, and returns the names of its outputs.
fn add<'d>(
    importer: &mut Importer<'d>,
    operation: &Operation<'d>,
    suffix: &str,
    kind: &str,
    inputs: &[&str],
    attributes: &[(&str, Attribute)],
    outputs: usize,
) -> Vec<String> {
    let name = importer.fresh(operation, suffix);
    let mut names = vec![name.clone()];
    names.extend((1..outputs).map(|port| importer.names.fresh(&format!("{name}:{port}"))));
    importer.graph.nodes.push(node(&name, kind, inputs, names.clone(), attributes));
    names
}

fn node(
    name: &str,
    kind: &str,
    inputs: &[&str],
    outputs: Vec<String>,
    attributes: &[(&str, Attribute)],
) -> Node {
    let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    let attributes: BTreeMap<String, Attribute> = attributes.collect();
    Node { outputs, attributes, ..Node::of(Op::new(DOMAIN, kind), name, inputs, &[]) }
}

/// The attributes `names` of the node, as far as it has them.
fn attributes(
    operation: &Operation<'_>,
    names: &[&'static str],
) -> Result<Vec<(&'static str, Attribute)>, Error> {
    let mut found = Vec::with_capacity(names.len());
    for &name in names {
        let value = match operation.attribute(name) {
            None => continue,
            Some(Value::Type(number)) => Attribute::from(data_types::name(*number).as_str()),
            Some(Value::S(_)) => Attribute::from(operation.text(name, "")?),
            Some(&Value::B(flag)) => Attribute::Int(flag.into()),
            Some(&Value::I(value)) => Attribute::Int(value),
            Some(&Value::F(value)) => Attribute::Float(value),
            Some(_) => return Err(operation.wrong_attribute(name, "must be a type, a text or a number")),
        };
        found.push((name, value));
    }
    Ok(found)
}

/// Height and width of a list with a number for each axis of an image.
fn sides(operation: &Operation<'_>, name: &str) -> Result<Attribute, Error> {
    Ok(Attribute::Ints(Order::ChannelsLast.sides(operation, name)?.to_vec()))
}

/// Constant codes, such as the weights that `quantize_weights` writes, become constant floats.
fn dequantize<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let attributes = attributes(operation, &["mode", "narrow_range", "axis"])?;
    let inputs = [operation.input(0)?, operation.input(1)?, operation.input(2)?];
    let constants: Option<Vec<&Tensor>> = inputs.iter().map(|name| importer.constant(name)).collect();
    let Some(constants) = constants else {
        return Ok(add(importer, operation, "", "Dequantize", &inputs, &attributes, 1));
    };
    let node =
        node(&operation.node.name, "Dequantize", &inputs, vec![operation.node.name.clone()], &attributes);
    let constants: Vec<Option<&Tensor>> = constants.into_iter().map(Some).collect();
    let floats = ops::evaluate(&node, &constants)?.into_iter().next();
    let floats = floats.ok_or_else(|| operation.error("has no result"))?;
    importer.take_bytes(operation, 4 * floats.len() as u64)?;
    Ok(vec![importer.add_constant(operation, "", floats)])
}

/// Inputs: the axis, the parts, the lower ends of their ranges, the upper ends.
fn concat<'d>(importer: &mut Importer<'d>, operation: &Operation<'d>) -> Result<Vec<String>, Error> {
    let axes = importer.integers(operation, 0)?;
    let [axis] = axes[..] else { return Err(operation.error("its axis must be one number")) };
    let inputs = inputs(operation);
    let attributes = [("axis", Attribute::Int(axis))];
    Ok(add(importer, operation, "", "QuantizedConcat", inputs.get(1..).unwrap_or_default(), &attributes, 3))
}
