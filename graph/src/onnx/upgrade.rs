//! Nodes of older operator sets, rewritten to what operator set 13 says.
//!
//! Changes by operator: github.com/onnx/onnx, docs/Changelog.md.

use super::DEFAULT_OPSET;
use crate::{Attribute, Error, Graph, Names, Node, Tensor};

/// Operators whose nodes mean in operator set 13 what they meant in any from 7 on.
const UNCHANGED: [&str; 53] = [
    "Abs",
    "Add",
    "ArgMax",
    "AveragePool",
    "Cast",
    "Ceil",
    "Concat",
    "ConstantOfShape",
    "Conv",
    "ConvInteger",
    "DequantizeLinear",
    "Div",
    "DynamicQuantizeLinear",
    "Elu",
    "Erf",
    "Exp",
    "Flatten",
    "Floor",
    "Gather",
    "Gemm",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "HardSigmoid",
    "Identity",
    "LRN",
    "LeakyRelu",
    "Log",
    "MatMul",
    "MatMulInteger",
    "Max",
    "MaxPool",
    "Min",
    "Mul",
    "Neg",
    "PRelu",
    "Pow",
    "QLinearConv",
    "QLinearMatMul",
    "QuantizeLinear",
    "Reciprocal",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "Relu",
    "Reshape",
    "Round",
    "Shape",
    "Sigmoid",
    "Sqrt",
    "Sub",
    "Sum",
    "Tanh",
    "Transpose",
];

/// Rewrites the nodes of a graph of operator set `version` for operator set 13; later ones stay as they are.
pub(super) fn upgrade(graph: &mut Graph, version: i64) -> Result<(), Error> {
    if version >= DEFAULT_OPSET {
        return Ok(());
    }
    let mut names = Names::of(graph);
    let mut nodes = Vec::with_capacity(graph.nodes.len());
    for mut node in std::mem::take(&mut graph.nodes) {
        if !node.domain.is_empty() {
            nodes.push(node);
            continue;
        }
        let mut constants = Constants { graph, names: &mut names };
        match node.op.as_str() {
            "BatchNormalization" => batch_normalization(&mut node)?,
            "Clip" if version < 11 => clip(&mut node, &mut constants)?,
            "Dropout" if version < 12 => dropout(&mut node, &mut constants)?,
            "Pad" if version < 11 => pad(&mut node, &mut constants)?,
            "Squeeze" | "Unsqueeze" | "ReduceSum" => axes(&mut node, &mut constants)?,
            "Softmax" => {
                nodes.extend(softmax(node, &mut constants)?);
                continue;
            }
            "Slice" if version < 10 => return Err(too_old(&node, version)),
            "Clip" | "Dropout" | "Pad" | "Slice" => {}
            op if UNCHANGED.contains(&op) => {}
            _ => return Err(too_old(&node, version)),
        }
        nodes.push(node);
    }
    graph.nodes = nodes;
    Ok(())
}

fn too_old(node: &Node, version: i64) -> Error {
    Error::unsupported(
        node,
        format!(
            "as operator set {version} defines it; convert the model to operator set {DEFAULT_OPSET} \
             with onnx.version_converter"
        ),
    )
}

/// Where rewritten nodes put what used to be an attribute.
struct Constants<'a> {
    graph: &'a mut Graph,
    names: &'a mut Names,
}

impl Constants<'_> {
    fn add(&mut self, node: &Node, what: &str, tensor: Tensor) -> String {
        let name = self.names.fresh(&format!("{}_{what}", node.name));
        self.graph.constants.insert(name.clone(), tensor);
        name
    }
}

/// `spatial` went with operator set 9; it said whether the statistics are per channel (1) or per element.
fn batch_normalization(node: &mut Node) -> Result<(), Error> {
    if !node.flag("spatial", true)? {
        return Err(Error::unsupported(node, "statistics per element (spatial = 0)"));
    }
    node.attributes.remove("spatial");
    Ok(())
}

/// `min` and `max` became inputs with operator set 11.
fn clip(node: &mut Node, constants: &mut Constants<'_>) -> Result<(), Error> {
    let (min, max) = (node.float("min", f32::MIN)?, node.float("max", f32::MAX)?);
    for (what, value) in [("min", min), ("max", max)] {
        let name = constants.add(node, what, Tensor::scalar(value));
        node.attributes.remove(what);
        node.inputs.push(name);
    }
    Ok(())
}

/// `ratio` became an input with operator set 12.
fn dropout(node: &mut Node, constants: &mut Constants<'_>) -> Result<(), Error> {
    let ratio = node.float("ratio", 0.5)?;
    node.attributes.remove("ratio");
    let name = constants.add(node, "ratio", Tensor::scalar(ratio));
    node.inputs.push(name);
    Ok(())
}

/// `pads` and `value` became inputs with operator set 11.
fn pad(node: &mut Node, constants: &mut Constants<'_>) -> Result<(), Error> {
    let Some(pads) = node.ints("pads")?.map(<[i64]>::to_vec) else {
        return Err(Error::attribute(node, "pads", "is missing"));
    };
    let value = node.float("value", 0.0)?;
    let mut inputs = vec![("pads", Tensor::vector(pads))];
    // Other modes copy what is there, and ignore the value.
    if node.string("mode", "constant")? == "constant" {
        inputs.push(("value", Tensor::scalar(value)));
    }
    for (what, tensor) in inputs {
        let name = constants.add(node, what, tensor);
        node.inputs.push(name);
    }
    node.attributes.remove("pads");
    node.attributes.remove("value");
    Ok(())
}

/// `axes` became an input with operator set 13.
fn axes(node: &mut Node, constants: &mut Constants<'_>) -> Result<(), Error> {
    if let Some(axes) = node.ints("axes")?.map(<[i64]>::to_vec) {
        let name = constants.add(node, "axes", Tensor::vector(axes));
        node.attributes.remove("axes");
        node.inputs.push(name);
    }
    Ok(())
}

/// Until operator set 13, `Softmax` went over all axes from `axis` (1 by default) on, together.
fn softmax(mut node: Node, constants: &mut Constants<'_>) -> Result<Vec<Node>, Error> {
    let axis = node.int("axis", 1)?;
    if axis == -1 {
        node.attributes.insert("axis".to_owned(), Attribute::Int(-1));
        return Ok(vec![node]);
    }
    // The rank is not known here: flatten, and bring the shape back. Shape inference makes `Shape` a constant.
    let (input, output) = (node.required_input(0)?.to_owned(), node.required_output(0)?.to_owned());
    let mut value = |what: &str| constants.names.fresh(&format!("{}_{what}", node.name));
    let (flat, soft, shape) = (value("flat"), value("soft"), value("shape"));
    let flatten = Node::new(&value("flatten"), "Flatten", &[&input], &[&flat]).with("axis", axis);
    let softmax = Node::new(&node.name, "Softmax", &[&flat], &[&soft]).with("axis", -1);
    let shape_of = Node::new(&value("shape_of"), "Shape", &[&input], &[&shape]);
    let reshape = Node::new(&value("reshape"), "Reshape", &[&soft, &shape], &[&output]);
    Ok(vec![flatten, softmax, shape_of, reshape])
}
