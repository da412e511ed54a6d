//! Nodes and their attributes.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::functions::deeper;
use super::proto::{AttributeProto, NodeProto, attribute_type, element_type};
use super::scope::{Importer, Scope};
use super::tensor;
use super::value::checked;
use crate::{Attribute, Error, Names, Node, Op, quoted};

/// Whether `domain` is ONNX's own.
pub(super) fn is_standard(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

/// Attributes of ONNX's operators that are numbers of element types.
const TYPES: [&str; 5] = ["to", "dtype", "output_dtype", "output_datatype", "stash_type"];

impl Importer<'_> {
    /// The node number `index` of a graph, with a name that is free in `names`.
    pub(super) fn node(
        &mut self,
        proto: NodeProto,
        index: usize,
        scope: Scope<'_>,
        names: &mut Names,
    ) -> Result<Node, Error> {
        let what = format!("node {index}");
        let name = checked(proto.name, &what)?;
        let op = checked(proto.op_type, &what)?;
        if op.is_empty() {
            return Err(Error::model(what, "it has no operator"));
        }
        // A node's name has no meaning in ONNX; files with duplicates exist and other runtimes accept them. Conversions without
        // one, of which eight-bit files are full, are known by what they write.
        let is_conversion = matches!(op.as_str(), "QuantizeLinear" | "DequantizeLinear");
        let written = proto.output.first().filter(|value| is_conversion && !value.is_empty());
        let stem = if name.is_empty() { written.unwrap_or(&op) } else { &name };
        let name = names.fresh(&checked(stem.clone(), &what)?);
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
        let mut captured = BTreeMap::new();
        for proto in proto.attribute {
            let name = checked(proto.name.clone(), &what)?;
            let value = if !proto.ref_attr_name.is_empty() {
                self.argument(&node, &name, &proto.ref_attr_name, scope)?
            } else if proto.kind == attribute_type::GRAPH {
                let graph = proto.g.ok_or_else(|| Error::attribute(&node, &name, "has no graph"))?;
                let inner = Scope { depth: deeper(&node, scope)?, ..scope };
                let (graph, values) = self.subgraph(*graph, inner)?;
                captured.insert(name.clone(), values);
                Some(Attribute::Graph(graph))
            } else {
                Some(self.attribute(&node, proto)?)
            };
            let Some(value) = value else { continue };
            if node.attributes.insert(name.clone(), value).is_some() {
                return Err(Error::attribute(&node, name, "is present twice"));
            }
        }
        node.inputs.extend(captured.into_values().flatten());
        Ok(node)
    }

    /// An attribute with a value of its own that is not a graph.
    pub(super) fn attribute(&mut self, node: &Node, proto: AttributeProto) -> Result<Attribute, Error> {
        let name = proto.name;
        let text = |bytes: Bytes| {
            String::from_utf8(bytes.into()).map_err(|_| Error::attribute(node, name.clone(), "is not UTF-8"))
        };
        Ok(match proto.kind {
            // Writers that follow proto3 omit fields that are 0.
            attribute_type::FLOAT => Attribute::Float(proto.f.unwrap_or_default()),
            attribute_type::INT => {
                let value = proto.i.unwrap_or_default();
                let is_half = i32::try_from(value).is_ok_and(tensor::is_half);
                if is_half && node.op.domain().is_empty() && TYPES.contains(&name.as_str()) {
                    self.widened.conversions += 1;
                    Attribute::Int(i64::from(element_type::FLOAT))
                } else {
                    Attribute::Int(value)
                }
            }
            attribute_type::STRING => Attribute::String(text(proto.s.unwrap_or_default())?),
            attribute_type::TENSOR => {
                let what = format!("attribute {} of node {}", quoted(&name), quoted(&node.name));
                let proto = proto.t.ok_or_else(|| Error::model(what.as_str(), "its tensor is missing"))?;
                Attribute::Tensor(self.tensor(proto, &what)?)
            }
            attribute_type::FLOATS => Attribute::Floats(proto.floats),
            attribute_type::INTS => Attribute::Ints(proto.ints),
            attribute_type::STRINGS => {
                Attribute::Strings(proto.strings.into_iter().map(text).collect::<Result<_, _>>()?)
            }
            other => {
                let kind = match other {
                    attribute_type::GRAPH | attribute_type::GRAPHS => {
                        "a list of graphs or a default graph".to_owned()
                    }
                    _ => format!("of type number {other}"),
                };
                return Err(Error::unsupported(node, format!("attribute {} is {kind}", quoted(&name))));
            }
        })
    }

    /// The attribute `name` of a node in a function: the attribute `reference` of the call, if it is present.
    fn argument(
        &mut self,
        node: &Node,
        name: &str,
        reference: &str,
        scope: Scope<'_>,
    ) -> Result<Option<Attribute>, Error> {
        let Some(attributes) = scope.attributes else {
            return Err(Error::attribute(
                node,
                name,
                "refers to a function's attribute outside of a function",
            ));
        };
        let Some(value) = attributes.get(reference) else { return Ok(None) };
        if matches!(value, Attribute::Graph(_)) {
            return Err(Error::unsupported(node, format!("attribute {} is a graph of a call", quoted(name))));
        }
        self.functions.charge(node, super::functions::bytes_of_attribute(value))?;
        Ok(Some(value.clone()))
    }
}
