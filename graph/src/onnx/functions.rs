//! Functions of a model, whose calls are replaced by their nodes.

use std::collections::{BTreeMap, HashMap};

use prost::Message;

use super::node::is_standard;
use super::opset::{NEWEST_OPSET, OLDEST_OPSET};
use super::proto::FunctionProto;
use super::scope::{Body, Importer, Scope};
use super::value::{MAX_NAME, checked};
use crate::{Attribute, Error, Limits, Node};

/// The most calls of functions and graphs of nodes inside each other.
const MAX_DEPTH: usize = 32;
/// Bytes of memory of one more node, beside what it has in the file.
const NODE: u64 = 1024;
/// Bytes of memory for a byte of a node with a graph: its nodes take five bytes at least in a file, and some 300 in memory.
const IN_GRAPH: u64 = 64;
/// Bytes kept free of a name for the number that makes it unique.
const NUMBER: usize = 32;

/// The functions of a model, and the memory that their calls may still take: a small file can describe 2¹⁰⁰ nodes.
pub(super) struct Functions<'m> {
    by_name: HashMap<(&'m str, &'m str, &'m str), &'m FunctionProto>,
    left: u64,
}

impl<'m> Functions<'m> {
    /// Calls may take as much as the rest of the model's structure.
    pub(super) fn new(functions: &'m [FunctionProto], limits: &Limits) -> Result<Self, Error> {
        let mut by_name = HashMap::new();
        for function in functions {
            let domain = if is_standard(&function.domain) { "" } else { &function.domain };
            let name = (domain, function.name.as_str(), function.overload.as_str());
            if by_name.insert(name, function).is_some() {
                let name = checked(function.name.clone(), "function")?;
                return Err(Error::DuplicateName { kind: "function", name });
            }
        }
        Ok(Self { by_name, left: limits.max_bytes / 4 })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The function that `node` calls.
    pub(super) fn find(&self, node: &Node, overload: &str) -> Option<&'m FunctionProto> {
        self.by_name.get(&(node.op.domain(), node.op.as_str(), overload)).copied()
    }

    /// Counts memory that a call takes.
    pub(super) fn charge(&mut self, call: &Node, bytes: u64) -> Result<(), Error> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| Error::OverLimit {
            what: format!("the functions of the model, with the call {},", crate::quoted(&call.name)),
            needs: self.left.saturating_add(bytes),
            limit: self.left,
            unit: "bytes",
        })?;
        Ok(())
    }
}

/// The depth inside `node`, which calls a function or has a graph: functions may call themselves, and what reads them recurses.
pub(super) fn deeper(node: &Node, scope: Scope<'_>) -> Result<usize, Error> {
    if scope.depth < MAX_DEPTH {
        return Ok(scope.depth + 1);
    }
    let reason = format!(
        "functions call functions, and graphs hold graphs, more than {MAX_DEPTH} deep, or themselves"
    );
    Err(Error::unsupported(node, reason))
}

/// The memory of an attribute without the elements of a tensor, which copies share.
pub(super) fn bytes_of_attribute(attribute: &Attribute) -> u64 {
    let bytes = match attribute {
        Attribute::String(text) => text.len(),
        Attribute::Ints(values) => 8 * values.len(),
        Attribute::Floats(values) => 4 * values.len(),
        Attribute::Strings(texts) => texts.iter().map(|text| 32 + text.len()).sum(),
        _ => 0,
    };
    bytes as u64
}

impl<'m> Importer<'m> {
    /// Adds the nodes of `function` for `call`.
    pub(super) fn call(
        &mut self,
        call: Node,
        function: &'m FunctionProto,
        scope: Scope<'_>,
        body: &mut Body,
    ) -> Result<(), Error> {
        let depth = deeper(&call, scope)?;
        let attributes = self.arguments(&call, function)?;
        let inner = Scope { version: version(function, scope), attributes: Some(&attributes), depth };
        if inner.version.is_some_and(|version| !(OLDEST_OPSET..=NEWEST_OPSET).contains(&version)) {
            let reason = format!("its function is of operator set {}", inner.version.unwrap_or_default());
            return Err(Error::unsupported(&call, reason));
        }
        let mut renamed: HashMap<String, String> = HashMap::new();
        for (index, input) in function.input.iter().enumerate() {
            renamed.insert(input.clone(), call.inputs.get(index).cloned().unwrap_or_default());
        }
        for (index, output) in function.output.iter().enumerate() {
            let Some(outer) = call.output(index) else { continue };
            if let Some(other) = renamed.get(output) {
                // An input that is an output, or an output twice.
                let name = body.node_names.fresh(&local(&call.name, output));
                let copy = Node::new(&name, "Identity", &[other], &[outer]);
                self.functions.charge(&call, NODE)?;
                self.push(copy, "", inner, body)?;
            } else {
                renamed.insert(output.clone(), outer.to_owned());
            }
        }
        for (index, proto) in function.node.iter().enumerate() {
            let names = proto.input.iter().chain(&proto.output).count() * (call.name.len() + NUMBER);
            let has_graph = proto.attribute.iter().any(|attribute| attribute.g.is_some());
            let growth = if has_graph { IN_GRAPH } else { 2 };
            self.functions.charge(&call, NODE + growth * proto.encoded_len() as u64 + names as u64)?;
            let mut proto = proto.clone();
            let stem = if proto.name.is_empty() { &proto.op_type } else { &proto.name };
            proto.name = local(&call.name, stem);
            let overload = proto.overload.clone();
            let node = self.node(proto, index, inner, &mut body.node_names);
            let Some(mut node) = self.supported(node)? else { continue };
            for value in node.inputs.iter_mut().chain(&mut node.outputs).filter(|value| !value.is_empty()) {
                let fresh = || body.value_names.fresh(&local(&call.name, value));
                *value = renamed.entry(value.clone()).or_insert_with(fresh).clone();
            }
            self.push(node, &overload, inner, body)?;
        }
        Ok(())
    }

    /// The attributes of a call, with the defaults of those that it leaves out.
    fn arguments(
        &mut self,
        call: &Node,
        function: &FunctionProto,
    ) -> Result<BTreeMap<String, Attribute>, Error> {
        let mut attributes = call.attributes.clone();
        for default in &function.attribute_proto {
            if !attributes.contains_key(&default.name) {
                // Elements of a tensor are decoded anew for every call.
                self.functions.charge(call, 2 * default.encoded_len() as u64)?;
                attributes.insert(default.name.clone(), self.attribute(call, default.clone())?);
            }
        }
        let bytes = attributes.values().map(bytes_of_attribute).sum();
        self.functions.charge(call, bytes)?;
        Ok(attributes)
    }
}

/// The version of ONNX's own operator set that the nodes of a function follow.
fn version(function: &FunctionProto, scope: Scope<'_>) -> Option<i64> {
    let own = function.opset_import.iter().find(|import| is_standard(&import.domain));
    own.map(|import| import.version).or(scope.version)
}

/// The name `inner` of a function's node or value in a call, with room for a number.
fn local(call: &str, inner: &str) -> String {
    let mut name = format!("{call}/{inner}");
    let end = (0..=MAX_NAME - NUMBER).rev().find(|&end| name.is_char_boundary(end.min(name.len())));
    name.truncate(end.unwrap_or(0).min(name.len()));
    name
}

#[cfg(test)]
mod tests {
    use super::super::proto::{
        AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, attribute_type,
    };
    use super::*;
    use crate::Graph;

    /// A call of the function `name` inside `graphs` branches.
    fn call(name: &str, graphs: usize) -> NodeProto {
        let node = NodeProto {
            op_type: name.to_owned(),
            domain: "own".to_owned(),
            input: vec!["x".to_owned()],
            output: vec!["y".to_owned()],
            ..NodeProto::default()
        };
        (0..graphs).fold(node, |node, _| {
            let graph = GraphProto { node: vec![node], ..GraphProto::default() };
            let branch = AttributeProto {
                name: "then_branch".to_owned(),
                kind: attribute_type::GRAPH,
                g: Some(Box::new(graph)),
                ..AttributeProto::default()
            };
            NodeProto {
                op_type: "If".to_owned(),
                attribute: vec![branch],
                output: vec!["y".to_owned()],
                ..NodeProto::default()
            }
        })
    }

    /// A model whose functions call each other `calls` deep, each call inside `graphs` branches.
    fn model(calls: usize, graphs: usize) -> Vec<u8> {
        let opset_import = vec![
            OperatorSetIdProto { domain: String::new(), version: 18 },
            OperatorSetIdProto { domain: "own".to_owned(), version: 1 },
        ];
        let function = |index: usize| FunctionProto {
            name: format!("f{index}"),
            domain: "own".to_owned(),
            input: vec!["x".to_owned()],
            output: vec!["y".to_owned()],
            node: if index + 1 < calls { vec![call(&format!("f{}", index + 1), graphs)] } else { Vec::new() },
            opset_import: opset_import.clone(),
            ..FunctionProto::default()
        };
        let graph = GraphProto { node: vec![call("f0", 0)], ..GraphProto::default() };
        let functions = (0..calls).map(function).collect();
        ModelProto { ir_version: 9, graph: Some(graph), opset_import, functions, ..ModelProto::default() }
            .encode_to_vec()
    }

    #[test]
    fn calls_and_graphs_share_one_depth() {
        for (calls, graphs) in [(MAX_DEPTH + 1, 0), (32, 30), (16, 4)] {
            let error = Graph::from_onnx_bytes(&model(calls, graphs)).expect_err("deep").to_string();
            assert!(error.contains("more than 32 deep"), "{calls} {graphs}: {error}");
        }
        let flat =
            Graph::from_onnx_bytes(&model(8, 2)).map_or_else(|error| error.to_string(), |_| String::new());
        assert!(!flat.contains("deep"), "{flat}");
    }
}
