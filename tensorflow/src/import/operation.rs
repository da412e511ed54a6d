//! A node while it is imported: its attributes, and the values that it reads.

use eightbit_graph::Error;

use crate::proto::{AttrValue, NodeDef, Value};

/// The domain that errors name.
pub(super) const DOMAIN: &str = "tensorflow";

/// A node and the names of the values that it reads.
#[derive(Clone)]
pub(super) struct Operation<'d> {
    pub(super) node: &'d NodeDef,
    pub(super) inputs: Vec<String>,
}

impl<'d> Operation<'d> {
    /// The value that input `index` reads.
    pub(super) fn input(&self, index: usize) -> Result<&str, Error> {
        let input = self.inputs.get(index).map(String::as_str);
        input.ok_or_else(|| self.error(format!("input {index} is missing")))
    }

    /// An error of the graph: what does not fit this node.
    pub(super) fn error(&self, reason: impl Into<String>) -> Error {
        Error::InvalidNode { node: self.node.name.clone(), op: self.node.op.clone(), reason: reason.into() }
    }

    /// A variant of the operator that is not implemented.
    pub(super) fn unsupported(&self, reason: impl Into<String>) -> Error {
        Error::UnsupportedOp {
            node: self.node.name.clone(),
            op: self.node.op.clone(),
            domain: DOMAIN.to_owned(),
            reason: reason.into(),
        }
    }

    /// An attribute that is missing or wrong.
    pub(super) fn wrong_attribute(&self, attribute: &str, reason: impl Into<String>) -> Error {
        Error::InvalidAttribute {
            node: self.node.name.clone(),
            op: self.node.op.clone(),
            attribute: attribute.to_owned(),
            reason: reason.into(),
        }
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&'d Value> {
        let AttrValue { value } = self.node.attr.get(name)?;
        value.as_ref()
    }
}
