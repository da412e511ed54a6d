//! Helpers for nodes: attributes, the names of inputs, and making nodes.

use crate::proto::{AttrValue, DataType, NodeDef, TensorProto, Value};

/// The value of an attribute.
pub(crate) fn value<'a>(node: &'a NodeDef, name: &str) -> Option<&'a Value> {
    node.attr.get(name)?.value.as_ref()
}

/// An attribute that is an element type.
pub(crate) fn type_of(node: &NodeDef, name: &str) -> Option<i32> {
    match value(node, name) {
        Some(&Value::Type(data_type)) => Some(data_type),
        _ => None,
    }
}

/// An input: `node`, `node:1`, `^node`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Input<'a> {
    /// Whether only the order of execution depends on it.
    pub(crate) is_control: bool,
    pub(crate) node: &'a str,
    /// What follows the colon, if there is one.
    pub(crate) port: Option<&'a str>,
}

impl<'a> Input<'a> {
    pub(crate) fn parse(text: &'a str) -> Self {
        let mut parts = text.split(':');
        let name = parts.next().unwrap_or_default();
        let (is_control, node) = name.strip_prefix('^').map_or((false, name), |node| (true, node));
        Self { is_control, node, port: parts.next() }
    }

    /// The form that all spellings of one input share: `node:0`, `^node:0`.
    pub(crate) fn canonical(self) -> String {
        self.of_node(self.node, self.port.or(Some("0")))
    }

    /// The same output of another node.
    pub(crate) fn renamed(self, node: &str) -> String {
        self.of_node(node, self.port)
    }

    fn of_node(self, node: &str, port: Option<&str>) -> String {
        let hat = if self.is_control { "^" } else { "" };
        port.map_or_else(|| format!("{hat}{node}"), |port| format!("{hat}{node}:{port}"))
    }
}

/// The node that an input or an output of a graph names.
pub(crate) fn node_name(input: &str) -> &str {
    Input::parse(input).node
}

/// Makes a node.
pub(crate) struct Builder(NodeDef);

impl Builder {
    pub(crate) fn new(name: impl Into<String>, op: &str) -> Self {
        Self(NodeDef { name: name.into(), op: op.to_owned(), ..Default::default() })
    }

    pub(crate) fn input(mut self, input: impl Into<String>) -> Self {
        self.0.input.push(input.into());
        self
    }

    pub(crate) fn inputs(mut self, inputs: impl IntoIterator<Item = String>) -> Self {
        self.0.input.extend(inputs);
        self
    }

    pub(crate) fn attribute(mut self, name: &str, value: Value) -> Self {
        self.0.attr.insert(name.to_owned(), AttrValue { value: Some(value) });
        self
    }

    pub(crate) fn data_type(self, name: &str, data_type: DataType) -> Self {
        self.attribute(name, Value::Type(data_type as i32))
    }

    pub(crate) fn text(self, name: &str, text: &str) -> Self {
        self.attribute(name, Value::S(text.as_bytes().to_vec()))
    }

    /// Copies an attribute of another node, if it has it.
    pub(crate) fn copied(self, from: &NodeDef, name: &str) -> Self {
        self.copied_as(from, name, name)
    }

    /// As [`Self::copied`], under another name.
    pub(crate) fn copied_as(mut self, from: &NodeDef, name: &str, new_name: &str) -> Self {
        if let Some(value) = from.attr.get(name) {
            self.0.attr.insert(new_name.to_owned(), value.clone());
        }
        self
    }

    pub(crate) fn build(self) -> NodeDef {
        self.0
    }
}

/// A constant.
pub(crate) fn constant(name: impl Into<String>, tensor: TensorProto) -> NodeDef {
    Builder::new(name, "Const")
        .attribute("dtype", Value::Type(tensor.dtype))
        .attribute("value", Value::Tensor(Box::new(tensor)))
        .build()
}
