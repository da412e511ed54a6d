//! Errors about a node.

use crate::{Error, Node};

impl Error {
    /// An [`Error::InvalidNode`] about `node`.
    pub fn node(node: &Node, reason: impl Into<String>) -> Self {
        Self::InvalidNode { node: node.name.clone(), op: node.op.to_string(), reason: reason.into() }
    }

    /// An [`Error::UnsupportedOp`] about `node`.
    pub fn unsupported(node: &Node, reason: impl Into<String>) -> Self {
        Self::UnsupportedOp {
            node: node.name.clone(),
            op: node.op.to_string(),
            domain: node.op.domain().to_owned(),
            reason: reason.into(),
        }
    }

    /// An [`Error::InvalidAttribute`] about `node`'s attribute `attribute`.
    pub fn attribute(node: &Node, attribute: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::InvalidAttribute {
            node: node.name.clone(),
            op: node.op.to_string(),
            attribute: attribute.into(),
            reason: reason.into(),
        }
    }

    /// Adds the name of `node` to errors that name nothing (a tensor's type or shape); others are unchanged.
    pub fn in_node(self, node: &Node) -> Self {
        match self {
            Self::InvalidTensor { .. } | Self::WrongType { .. } => Self::node(node, self.to_string()),
            other => other,
        }
    }

    /// The name of the node that it is about.
    pub(crate) fn node_name(&self) -> Option<&str> {
        match self {
            Self::UnsupportedOp { node, .. }
            | Self::InvalidAttribute { node, .. }
            | Self::InvalidNode { node, .. } => Some(node),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataType, quoted};

    #[test]
    fn names_are_escaped_and_cut() {
        let long = "x".repeat(1000);
        let node = Node::new(&format!("\u{1b}[2J{long}"), "\u{202e}Relu", &["x"], &["y"]);
        for error in [
            Error::unsupported(&node, "\u{1b}"),
            Error::node(&node, "\u{1b}"),
            Error::attribute(&node, "\u{7}", "\u{1b}"),
            Error::value(&node.name, "\u{1b}"),
            Error::model(format!("tensor {}", quoted(&node.name)), "\u{202e}"),
            Error::Cycle { node: node.name.clone(), op: node.op.to_string() },
            Error::DuplicateName { kind: "node", name: node.name.clone() },
            Error::read("\u{1b}[2J", std::io::Error::other("no")),
        ] {
            let message = error.to_string();
            assert!(message.chars().count() < 400, "{message}");
            assert!(!message.contains(['\u{1b}', '\u{202e}', '\u{7}']), "{message:?}");
        }
    }

    #[test]
    fn messages_name_the_thing() {
        let node = Node::new("here", "Frobnicate", &["x"], &["y"]);
        assert_eq!(
            Error::unsupported(&node, "not implemented").to_string(),
            "unsupported operator ai.onnx.Frobnicate in node \"here\": not implemented"
        );
        let error = Error::WrongType { expected: DataType::F32, found: DataType::I64 };
        assert_eq!(
            error.in_node(&node).to_string(),
            "node \"here\" (Frobnicate): expected elements of type f32, found i64"
        );
    }
}
