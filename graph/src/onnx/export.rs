//! From [`Graph`] to `ModelProto`.

use std::collections::BTreeSet;

use prost::Message;

use super::proto::{
    AttributeProto, Dimension, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, attribute_type as kind,
};
use super::tensor::{to_proto, type_number};
use super::{DEFAULT_OPSET, NEWEST_OPSET};
use crate::{Attribute, Error, Graph, Node, ValueInfo};

pub(super) fn model(graph: &Graph) -> Result<Vec<u8>, Error> {
    graph.validate()?;
    let opset = if graph.opset == 0 { DEFAULT_OPSET } else { graph.opset };
    if !(DEFAULT_OPSET..=NEWEST_OPSET).contains(&opset) {
        return Err(Error::UnsupportedOpset {
            domain: "ai.onnx".to_owned(),
            version: opset,
            oldest: DEFAULT_OPSET,
            newest: NEWEST_OPSET,
        });
    }
    let mut opset_import = vec![OperatorSetIdProto { domain: String::new(), version: opset }];
    let others: BTreeSet<&str> = graph.nodes.iter().map(|node| node.op.domain()).collect();
    opset_import.extend(
        others
            .into_iter()
            .filter(|domain| !domain.is_empty())
            .map(|domain| OperatorSetIdProto { domain: domain.to_owned(), version: 1 }),
    );
    let order = graph.topological_order()?;
    let graph = GraphProto {
        node: order.into_iter().map(|index| node(&graph.nodes[index])).collect(),
        // The schema's checker wants a name.
        name: if graph.name.is_empty() { "main".to_owned() } else { graph.name.clone() },
        initializer: graph.constants.iter().map(|(name, tensor)| to_proto(tensor, name)).collect(),
        input: graph.inputs.iter().map(value).collect(),
        output: graph.outputs.iter().map(value).collect(),
        sparse_initializer: Vec::new(),
    };
    let model = ModelProto {
        ir_version: ir_version(opset),
        producer_name: "eightbit".to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        graph: Some(graph),
        opset_import,
        functions: Vec::new(),
    };
    Ok(model.encode_to_vec())
}

/// The version of the file format released with an operator set (github.com/onnx/onnx, docs/Versioning.md), not
/// below 8, which every reader of the last years understands.
fn ir_version(opset: i64) -> i64 {
    match opset {
        ..=18 => 8,
        19..=20 => 9,
        21..=22 => 10,
        23 => 11,
        24 => 12,
        _ => 13,
    }
}

fn node(node: &Node) -> NodeProto {
    NodeProto {
        input: node.inputs.clone(),
        output: node.outputs.clone(),
        name: node.name.clone(),
        op_type: node.op.to_string(),
        attribute: node.attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
        domain: node.op.domain().to_owned(),
    }
}

fn attribute(name: &str, value: &Attribute) -> AttributeProto {
    let mut proto = AttributeProto { name: name.to_owned(), ..AttributeProto::default() };
    proto.kind = match value {
        Attribute::Int(value) => {
            proto.i = *value;
            kind::INT
        }
        Attribute::Float(value) => {
            proto.f = *value;
            kind::FLOAT
        }
        Attribute::String(value) => {
            proto.s = value.clone().into();
            kind::STRING
        }
        Attribute::Tensor(value) => {
            proto.t = Some(to_proto(value, ""));
            kind::TENSOR
        }
        Attribute::Ints(values) => {
            proto.ints = values.clone();
            kind::INTS
        }
        Attribute::Floats(values) => {
            proto.floats = values.clone();
            kind::FLOATS
        }
        Attribute::Strings(values) => {
            proto.strings = values.iter().map(|value| value.clone().into()).collect();
            kind::STRINGS
        }
    };
    proto
}

fn value(info: &ValueInfo) -> ValueInfoProto {
    let dim = |dim: &Option<usize>| DimensionProto { value: dim.map(|size| Dimension::Value(size as i64)) };
    let tensor_type = TensorTypeProto {
        elem_type: type_number(info.data_type),
        shape: Some(TensorShapeProto { dim: info.shape.iter().map(dim).collect() }),
    };
    ValueInfoProto { name: info.name.clone(), kind: Some(TypeProto { tensor_type: Some(tensor_type) }) }
}
