//! Converts a `ModelProto` to a [`Graph`].

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use prost::Message;

use super::opset::{DEFAULT_OPSET, NEWEST_OPSET, OLDEST_OPSET};
use super::proto::{
    AttributeProto, Dimension, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, attribute_type,
};
use super::{budget, expand, tensor, upgrade};
use crate::ops::constant;
use crate::shapes::infer_open_shapes;
use crate::{Attribute, DataType, Error, Graph, Limits, Names, Node, Op, Tensor, ValueInfo, quoted};

/// The longest name accepted, in bytes; exporters write shorter ones.
const MAX_NAME: usize = 1024;

pub(super) fn graph(bytes: Bytes, limits: &Limits) -> Result<Graph, Error> {
    let size = bytes.len();
    let not_a_model = |reason: String| Error::NotAModel { format: "an ONNX", reason };
    if size == 0 {
        return Err(not_a_model("there are no bytes".to_owned()));
    }
    budget::check(&bytes, limits)?;
    let model = ModelProto::decode(bytes)
        .map_err(|error| not_a_model(format!("of the {size} bytes read, not all decode: {error}")))?;
    // Arbitrary bytes may decode, and so does a file truncated between two fields.
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
    let (mut graph, unknown) = contents(proto)?;
    match opset {
        Some(version) => upgrade::upgrade(&mut graph, version)?,
        None => {
            if let Some(node) = graph.nodes.iter().find(|node| node.op.domain().is_empty()) {
                return Err(Error::unsupported(node, "the model does not import the operator set ai.onnx"));
            }
        }
    }
    expand::expand(&mut graph)?;
    graph.opset = opset.unwrap_or(DEFAULT_OPSET).max(DEFAULT_OPSET);
    graph.validate()?;
    infer_outputs(&mut graph, &unknown)?;
    Ok(graph)
}

fn is_standard(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

/// The graph as it is in the file, and the names of its outputs without a shape.
fn contents(proto: GraphProto) -> Result<(Graph, Vec<String>), Error> {
    if !proto.sparse_initializer.is_empty() {
        return Err(Error::unsupported_model("sparse initializers", "store them as dense tensors"));
    }
    let mut graph = Graph { name: checked(proto.name, "graph")?, ..Graph::default() };
    for initializer in proto.initializer {
        let (name, tensor) = constant(initializer)?;
        insert_constant(&mut graph.constants, name, tensor)?;
    }
    for input in proto.input {
        // Files of version 3 and older also list constants among the inputs.
        if !graph.constants.contains_key(&input.name) {
            let input = value(input)?;
            if input.dims.is_none() {
                return Err(unknown_rank(&input.name));
            }
            let input = input.of(&mut graph);
            graph.inputs.push(input);
        }
    }
    let mut unknown = Vec::new();
    for output in proto.output {
        let output = value(output)?;
        if output.dims.is_none() {
            unknown.push(output.name.clone());
        }
        let output = output.of(&mut graph);
        graph.outputs.push(output);
    }
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
    Ok((graph, unknown))
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
    let tensor = tensor::from_proto(proto, &format!("initializer {}", quoted(&name)))?;
    Ok((name, tensor))
}

/// An input or output of the graph, and the names of its open dimensions.
struct Described {
    name: String,
    data_type: DataType,
    /// `None` if not even the rank is known.
    dims: Option<Vec<Option<usize>>>,
    names: Vec<(usize, String)>,
}

fn value(proto: ValueInfoProto) -> Result<Described, Error> {
    let name = checked(proto.name, "graph input or output")?;
    let what = format!("value {}", quoted(&name));
    let Some(kind) = proto.kind else {
        return Err(Error::model(what, "an input or output of the graph needs a type"));
    };
    let Some(kind) = kind.tensor_type else {
        return Err(Error::unsupported_model(what, "sequences, maps, optionals and sparse tensors"));
    };
    let data_type = tensor::data_type(kind.elem_type, &what)?;
    let mut names = Vec::new();
    let mut dims = None;
    if let Some(shape) = kind.shape {
        let mut fixed = Vec::with_capacity(shape.dim.len());
        let mut open = Vec::with_capacity(shape.dim.len());
        for (axis, dim) in shape.dim.into_iter().enumerate() {
            let size = match dim.value {
                // Some exporters write −1 for an open dimension.
                Some(Dimension::Value(-1)) | None => None,
                Some(Dimension::Value(size)) => Some(size),
                Some(Dimension::Symbol(symbol)) => {
                    if !symbol.is_empty() {
                        names.push((axis, checked(symbol, &what)?));
                    }
                    None
                }
            };
            fixed.push(size.unwrap_or(0));
            open.push(size.is_none());
        }
        let sizes = tensor::shape(&fixed, &what)?;
        dims = Some(sizes.into_iter().zip(open).map(|(size, open)| (!open).then_some(size)).collect());
    }
    Ok(Described { name, data_type, dims, names })
}

impl Described {
    /// Adds names of dimensions to the graph.
    fn of(self, graph: &mut Graph) -> ValueInfo {
        let Self { name, data_type, dims, names } = self;
        graph.dimension_names.extend(names.into_iter().map(|(axis, symbol)| ((name.clone(), axis), symbol)));
        ValueInfo { name, data_type, shape: dims.unwrap_or_default() }
    }
}

fn unknown_rank(name: &str) -> Error {
    Error::unsupported_model(
        format!("value {}", quoted(name)),
        "an input or output of unknown rank: give it a shape (onnx.shape_inference)",
    )
}

/// Infers the shapes of outputs that have none.
fn infer_outputs(graph: &mut Graph, unknown: &[String]) -> Result<(), Error> {
    let Some(first) = unknown.first() else { return Ok(()) };
    let found = match infer_open_shapes(graph, unknown) {
        Ok(found) => found,
        // What does not depend on sizes that are unknown yet is unknown for good.
        Err(Error::UnknownDimension { .. } | Error::UnsupportedOp { .. }) => return Err(unknown_rank(first)),
        Err(error) => return Err(error),
    };
    let shapes: HashMap<String, _> = found.into_iter().map(|info| (info.name, info.shape)).collect();
    for output in &mut graph.outputs {
        if let Some(shape) = shapes.get(&output.name) {
            output.shape.clone_from(shape);
        }
    }
    Ok(())
}

fn node(proto: NodeProto, index: usize, names: &mut Names) -> Result<Node, Error> {
    let what = format!("node {index}");
    let name = checked(proto.name, &what)?;
    let op = checked(proto.op_type, &what)?;
    if op.is_empty() {
        return Err(Error::model(what, "it has no operator"));
    }
    // A node's name has no meaning in ONNX; files with duplicates exist and other runtimes accept them.
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
            return Err(Error::attribute(&node, name, "is present twice"));
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
        // Writers that follow proto3 omit fields that are 0.
        attribute_type::FLOAT => Attribute::Float(proto.f.unwrap_or_default()),
        attribute_type::INT => Attribute::Int(proto.i.unwrap_or_default()),
        attribute_type::STRING => Attribute::String(text(proto.s.unwrap_or_default())?),
        attribute_type::TENSOR => {
            let what = format!("attribute {} of node {}", quoted(&name), quoted(&node.name));
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
                    "attribute {} is a subgraph; operators with subgraphs (If, Loop, Scan) are not supported",
                    quoted(&name)
                ),
            ));
        }
        other => {
            return Err(Error::unsupported(
                node,
                format!("attribute {} is of type number {other}", quoted(&name)),
            ));
        }
    })
}
