//! From `ModelProto` to [`Graph`].

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;

use super::proto::{
    AttributeProto, Dimension, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, attribute_type,
};
use super::{DEFAULT_OPSET, NEWEST_OPSET, OLDEST_OPSET, tensor, upgrade};
use crate::ops::constant;
use crate::{Attribute, Error, Graph, Names, Node, Op, Tensor, ValueInfo};

/// Longer names than any exporter writes; keeps errors on one screen.
const MAX_NAME: usize = 1024;

pub(super) fn graph(bytes: Bytes) -> Result<Graph, Error> {
    let size = bytes.len();
    let not_a_model = |reason: String| Error::NotAModel { format: "an ONNX", reason };
    if size == 0 {
        return Err(not_a_model("there are no bytes".to_owned()));
    }
    let model = ModelProto::decode(bytes)
        .map_err(|error| not_a_model(format!("of the {size} bytes read, not all decode: {error}")))?;
    // Bytes that happen to decode, or a file that ends between two fields.
    if model.ir_version <= 0 {
        return Err(not_a_model("it has no version".to_owned()));
    }
    let Some(proto) = model.graph else {
        return Err(not_a_model("it has no graph".to_owned()));
    };
    if model.opset_import.is_empty() {
        return Err(not_a_model("it imports no operator set".to_owned()));
    }
    if !model.functions.is_empty() {
        return Err(Error::unsupported_model("functions of the model", "inline them (onnx.inliner) first"));
    }
    let opset =
        model.opset_import.iter().find(|import| is_standard(&import.domain)).map(|import| import.version);
    if let Some(version) = opset
        && !(OLDEST_OPSET..=NEWEST_OPSET).contains(&version)
    {
        return Err(Error::UnsupportedOpset {
            domain: "ai.onnx".to_owned(),
            version,
            oldest: OLDEST_OPSET,
            newest: NEWEST_OPSET,
        });
    }
    let mut graph = contents(proto)?;
    match opset {
        Some(version) => upgrade::upgrade(&mut graph, version)?,
        None => {
            if let Some(node) = graph.nodes.iter().find(|node| node.op.domain().is_empty()) {
                return Err(Error::unsupported(node, "the model does not import the operator set ai.onnx"));
            }
        }
    }
    graph.opset = opset.unwrap_or(DEFAULT_OPSET).max(DEFAULT_OPSET);
    graph.validate()?;
    Ok(graph)
}

fn is_standard(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

fn contents(proto: GraphProto) -> Result<Graph, Error> {
    if !proto.sparse_initializer.is_empty() {
        return Err(Error::unsupported_model("sparse initializers", "store them as dense tensors"));
    }
    let mut graph = Graph { name: checked(proto.name, "graph")?, ..Graph::default() };
    for initializer in proto.initializer {
        let (name, tensor) = constant(initializer)?;
        insert_constant(&mut graph.constants, name, tensor)?;
    }
    for input in proto.input {
        // Files of version 3 and older list constants among the inputs as well.
        if !graph.constants.contains_key(&input.name) {
            graph.inputs.push(value(input)?);
        }
    }
    graph.outputs = proto.output.into_iter().map(value).collect::<Result<_, _>>()?;
    let mut names = Names::default();
    for (index, node_proto) in proto.node.into_iter().enumerate() {
        let node = node(node_proto, index, &mut names)?;
        if node.is(&constant::OP) {
            let name = node.required_output(0)?.to_owned();
            let tensor = constant::value(&node)?;
            insert_constant(&mut graph.constants, name, tensor)?;
        } else {
            graph.nodes.push(node);
        }
    }
    Ok(graph)
}

fn insert_constant(
    constants: &mut BTreeMap<String, Tensor>,
    name: String,
    tensor: Tensor,
) -> Result<(), Error> {
    match constants.insert(name.clone(), tensor) {
        None => Ok(()),
        Some(_) => Err(Error::DuplicateName { kind: "constant", name }),
    }
}

fn checked(name: String, what: &str) -> Result<String, Error> {
    if name.len() <= MAX_NAME {
        return Ok(name);
    }
    Err(Error::model(what, format!("a name of {} bytes; at most {MAX_NAME} are read", name.len())))
}

fn constant(proto: TensorProto) -> Result<(String, Tensor), Error> {
    let name = checked(proto.name.clone(), "initializer")?;
    if name.is_empty() {
        return Err(Error::model("initializer", "it has no name"));
    }
    let tensor = tensor::from_proto(proto, &format!("initializer {name:?}"))?;
    Ok((name, tensor))
}

fn value(proto: ValueInfoProto) -> Result<ValueInfo, Error> {
    let name = checked(proto.name, "graph input or output")?;
    let what = format!("value {name:?}");
    let Some(kind) = proto.kind else {
        return Err(Error::model(what, "an input or output of the graph needs a type"));
    };
    let Some(kind) = kind.tensor_type else {
        return Err(Error::unsupported_model(what, "sequences, maps, optionals and sparse tensors"));
    };
    let data_type = tensor::data_type(kind.elem_type, &what)?;
    let Some(shape) = kind.shape else {
        return Err(Error::unsupported_model(
            what,
            "an input or output of unknown rank: give it a shape (onnx.shape_inference)",
        ));
    };
    let fixed: Vec<i64> = shape
        .dim
        .iter()
        .map(|dim| match dim.value {
            Some(Dimension::Value(size)) => size,
            _ => 0,
        })
        .collect();
    let sizes = tensor::shape(&fixed, &what)?;
    let is_fixed = |dim: &super::proto::DimensionProto| matches!(dim.value, Some(Dimension::Value(_)));
    let shape = shape.dim.iter().zip(sizes).map(|(dim, size)| is_fixed(dim).then_some(size)).collect();
    Ok(ValueInfo { name, data_type, shape })
}

fn node(proto: NodeProto, index: usize, names: &mut Names) -> Result<Node, Error> {
    let what = format!("node {index}");
    let name = checked(proto.name, &what)?;
    let op = checked(proto.op_type, &what)?;
    if op.is_empty() {
        return Err(Error::model(what, "it has no operator"));
    }
    // A node's name is for people; files with the same one twice exist and run elsewhere.
    let name = names.fresh(if name.is_empty() { &op } else { &name });
    let domain = checked(proto.domain, &what)?;
    let values = |values: Vec<String>| -> Result<Vec<String>, Error> {
        values.into_iter().map(|value| checked(value, &what)).collect()
    };
    let mut node = Node {
        name,
        op: Op::new(if is_standard(&domain) { "" } else { &domain }, &op),
        inputs: values(proto.input)?,
        outputs: values(proto.output)?,
        attributes: BTreeMap::new(),
    };
    for proto in proto.attribute {
        let name = checked(proto.name.clone(), &what)?;
        let value = attribute(&node, proto)?;
        if node.attributes.insert(name.clone(), value).is_some() {
            return Err(Error::attribute(&node, name, "is there twice"));
        }
    }
    Ok(node)
}

fn attribute(node: &Node, proto: AttributeProto) -> Result<Attribute, Error> {
    let name = proto.name;
    if !proto.ref_attr_name.is_empty() {
        return Err(Error::attribute(node, name, "refers to a function's attribute outside of a function"));
    }
    let text = |bytes: Bytes| {
        String::from_utf8(bytes.into()).map_err(|_| Error::attribute(node, name.clone(), "is not UTF-8"))
    };
    Ok(match proto.kind {
        attribute_type::FLOAT => Attribute::Float(proto.f),
        attribute_type::INT => Attribute::Int(proto.i),
        attribute_type::STRING => Attribute::String(text(proto.s)?),
        attribute_type::TENSOR => {
            let what = format!("attribute {name:?} of node {:?}", node.name);
            let proto = proto.t.ok_or_else(|| Error::model(what.as_str(), "its tensor is missing"))?;
            Attribute::Tensor(tensor::from_proto(proto, &what)?)
        }
        attribute_type::FLOATS => Attribute::Floats(proto.floats),
        attribute_type::INTS => Attribute::Ints(proto.ints),
        attribute_type::STRINGS => {
            Attribute::Strings(proto.strings.into_iter().map(text).collect::<Result<_, _>>()?)
        }
        attribute_type::GRAPH | attribute_type::GRAPHS => {
            return Err(Error::unsupported(
                node,
                format!(
                    "attribute {name:?} is a subgraph; operators with subgraphs (If, Loop, Scan) do not run here"
                ),
            ));
        }
        other => {
            return Err(Error::unsupported(node, format!("attribute {name:?} is of type number {other}")));
        }
    })
}
