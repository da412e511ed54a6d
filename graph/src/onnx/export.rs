//! Converts a [`Graph`] to a `ModelProto`.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

use super::opset::{DEFAULT_OPSET, NEWEST_OPSET};
use super::proto::{
    AttributeProto, Dimension, DimensionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto, attribute_type as kind,
};
use super::tensor::{to_narrow_proto, to_proto, type_number};
use crate::ops::shared::domains::TENSORFLOW;
use crate::ops::{dequantize_linear, quantize_linear};
use crate::passes::writable;
use crate::{Attribute, Error, Graph, Node, Tensor, ValueInfo};

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
    if let Some(node) = graph.nodes.iter().find(|node| node.op.domain() == TENSORFLOW) {
        let reason = "the ranges of TensorFlow's eight-bit operators are computed when the graph runs, which ONNX has no form for: \
                      convert the float graph that this one was made from";
        return Err(Error::unsupported(node, reason));
    }
    let mut opset_import = vec![OperatorSetIdProto { domain: String::new(), version: opset }];
    let others: BTreeSet<&str> = graph.nodes.iter().map(|node| node.op.domain()).collect();
    opset_import.extend(
        others
            .into_iter()
            .filter(|domain| !domain.is_empty())
            .map(|domain| OperatorSetIdProto { domain: domain.to_owned(), version: 1 }),
    );
    // What an older operator set has no types for is written as bytes.
    let narrow = writable(graph, opset);
    let constant = |(name, tensor): (&String, &Tensor)| match narrow.get(name) {
        Some(&bits) => to_narrow_proto(tensor, name, bits),
        None => to_proto(tensor, name),
    };
    let order = graph.topological_order()?;
    let names = &graph.dimension_names;
    let graph = GraphProto {
        node: order.into_iter().map(|index| node(&graph.nodes[index])).collect::<Result<_, _>>()?,
        // The schema's checker requires a name.
        name: if graph.name.is_empty() { "main".to_owned() } else { graph.name.clone() },
        initializer: graph.constants.iter().map(constant).collect(),
        input: graph.inputs.iter().map(|info| value(info, names)).collect(),
        output: graph.outputs.iter().map(|info| value(info, names)).collect(),
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
/// below 8, which all current readers support.
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

fn node(node: &Node) -> Result<NodeProto, Error> {
    let attributes = node.attributes.iter().map(|(name, value)| attribute(node, name, value));
    Ok(NodeProto {
        input: node.inputs.clone(),
        output: node.outputs.clone(),
        name: if is_named_again(node) { node.name.clone() } else { String::new() },
        op_type: node.op.to_string(),
        attribute: attributes.collect::<Result<_, _>>()?,
        domain: node.op.domain().to_owned(),
        overload: String::new(),
    })
}

/// Whether the name of `node` is in the file: not those of conversions that are named as the values that they write, as readers
/// name them without it. Eight-bit files are full of them.
fn is_named_again(node: &Node) -> bool {
    let is_conversion = node.is(&quantize_linear::OP) || node.is(&dequantize_linear::OP);
    !is_conversion || node.output(0) != Some(&node.name)
}

fn attribute(node: &Node, name: &str, value: &Attribute) -> Result<AttributeProto, Error> {
    let mut proto = AttributeProto { name: name.to_owned(), ..AttributeProto::default() };
    proto.kind = match value {
        Attribute::Int(value) => {
            proto.i = Some(*value);
            kind::INT
        }
        Attribute::Float(value) => {
            proto.f = Some(*value);
            kind::FLOAT
        }
        Attribute::String(value) => {
            proto.s = Some(value.clone().into());
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
        Attribute::Graph(_) => {
            return Err(Error::unsupported(
                node,
                "a graph with branches is not written: fix the inputs that choose the branch",
            ));
        }
    };
    Ok(proto)
}

fn value(info: &ValueInfo, names: &BTreeMap<(String, usize), String>) -> ValueInfoProto {
    let dim = |(axis, dim): (usize, &Option<usize>)| DimensionProto {
        value: match dim {
            Some(size) => Some(Dimension::Value(*size as i64)),
            None => names.get(&(info.name.clone(), axis)).cloned().map(Dimension::Symbol),
        },
    };
    let tensor_type = TensorTypeProto {
        elem_type: type_number(info.data_type),
        shape: Some(TensorShapeProto { dim: info.shape.iter().enumerate().map(dim).collect() }),
    };
    ValueInfoProto { name: info.name.clone(), kind: Some(TypeProto { tensor_type: Some(tensor_type) }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DataType;

    #[test]
    fn attributes_that_are_zero_have_their_field() {
        let written = [
            ("axis", Attribute::Int(0)),
            ("alpha", Attribute::Float(0.0)),
            ("negative", Attribute::Float(-0.0)),
            ("mode", Attribute::String(String::new())),
            ("group", Attribute::Int(2)),
            ("value", Attribute::Tensor(Tensor::zeros([0], DataType::F32).expect("empty"))),
            ("pads", Attribute::Ints(Vec::new())),
            ("scales", Attribute::Floats(Vec::new())),
            ("keys", Attribute::Strings(Vec::new())),
        ];
        let mut relu = Node::new("n", "Relu", &["x"], &["y"]);
        relu.attributes = written.map(|(name, value)| (name.to_owned(), value)).into();
        let value =
            |name: &str| ValueInfo { name: name.to_owned(), data_type: DataType::F32, shape: vec![Some(0)] };
        let graph = Graph {
            inputs: vec![value("x")],
            outputs: vec![value("y")],
            nodes: vec![relu],
            ..Graph::default()
        };
        let bytes = graph.to_onnx_bytes().expect("a valid graph");
        let model = ModelProto::decode(bytes.as_slice()).expect("own bytes");
        let attributes = &model.graph.as_ref().expect("a graph").node[0].attribute;
        assert_eq!(attributes.len(), 9);
        for attribute in attributes {
            // A proto2 reader reads the type, then the field that belongs to it.
            let has_field = match attribute.kind {
                kind::INT => attribute.i.is_some(),
                kind::FLOAT => attribute.f.is_some(),
                kind::STRING => attribute.s.is_some(),
                kind::TENSOR => attribute.t.is_some(),
                kind::INTS | kind::FLOATS | kind::STRINGS => true,
                other => panic!("{}: type number {other}", attribute.name),
            };
            assert!(has_field, "{}", attribute.name);
        }
        assert_eq!(Graph::from_onnx_bytes(&bytes).expect("own bytes").nodes, graph.nodes);
    }

    /// Of operator set 16 is the attribute that tells how an older `RoiAlign` computes.
    #[test]
    fn what_changed_later_needs_its_operator_set() {
        let roi_align = NodeProto {
            input: ["x", "regions", "images"].map(str::to_owned).to_vec(),
            output: vec!["y".to_owned()],
            op_type: "RoiAlign".to_owned(),
            ..NodeProto::default()
        };
        let input = |name: &str, data_type, rank| {
            value(&ValueInfo { name: name.to_owned(), data_type, shape: vec![None; rank] }, &BTreeMap::new())
        };
        let inputs = [("x", DataType::F32, 4), ("regions", DataType::F32, 2), ("images", DataType::I64, 1)];
        let model = ModelProto {
            ir_version: 8,
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 11 }],
            graph: Some(GraphProto {
                node: vec![roi_align],
                input: inputs.map(|(name, data_type, rank)| input(name, data_type, rank)).to_vec(),
                output: vec![input("y", DataType::F32, 4)],
                ..GraphProto::default()
            }),
            ..ModelProto::default()
        };
        let graph = Graph::from_onnx_bytes(&model.encode_to_vec()).expect("a valid model");
        let written = ModelProto::decode(graph.to_onnx_bytes().expect("a valid graph").as_slice());
        assert_eq!(written.expect("own bytes").opset_import[0].version, 16);
        assert_eq!(
            graph.nodes[0].string("coordinate_transformation_mode", "").expect("text"),
            "output_half_pixel"
        );
    }

    #[test]
    fn conversions_named_as_what_they_write_need_no_name() {
        let value =
            |name: &str| ValueInfo { name: name.to_owned(), data_type: DataType::F32, shape: vec![Some(1)] };
        let graph = Graph {
            inputs: vec![value("x")],
            outputs: vec![value("y"), value("z")],
            nodes: vec![
                Node::new("bytes", "QuantizeLinear", &["x", "scale", "zero"], &["bytes"]),
                Node::new("own", "DequantizeLinear", &["bytes", "scale", "zero"], &["y"]),
                Node::new("z", "Relu", &["y"], &["z"]),
            ],
            constants: [("scale", Tensor::scalar(0.5f32)), ("zero", Tensor::scalar(3u8))]
                .map(|(name, tensor)| (name.to_owned(), tensor))
                .into(),
            ..Graph::default()
        };
        let bytes = graph.to_onnx_bytes().expect("a valid graph");
        let model = ModelProto::decode(bytes.as_slice()).expect("own bytes");
        let written = model.graph.expect("a graph").node.into_iter().map(|node| node.name);
        assert_eq!(written.collect::<Vec<_>>(), ["", "own", "z"]);
        assert_eq!(Graph::from_onnx_bytes(&bytes).expect("own bytes").nodes, graph.nodes);
    }

    #[test]
    fn a_zero_that_was_left_out_is_read() {
        let bare = AttributeProto { name: "axis".to_owned(), kind: kind::INT, ..AttributeProto::default() };
        let relu = NodeProto {
            input: vec!["x".to_owned()],
            output: vec!["y".to_owned()],
            op_type: "Relu".to_owned(),
            attribute: vec![bare],
            ..NodeProto::default()
        };
        let model = ModelProto {
            ir_version: 8,
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 13 }],
            graph: Some(GraphProto {
                node: vec![relu],
                input: vec![value(
                    &ValueInfo { name: "x".to_owned(), data_type: DataType::F32, shape: vec![Some(1)] },
                    &BTreeMap::new(),
                )],
                ..GraphProto::default()
            }),
            ..ModelProto::default()
        };
        let graph = Graph::from_onnx_bytes(&model.encode_to_vec()).expect("a valid model");
        assert_eq!(graph.nodes[0].attributes["axis"], Attribute::Int(0));
    }
}
