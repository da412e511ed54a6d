//! The operator of a node.

use std::borrow::Cow;
use std::fmt;

/// The operator of a node: its name in the file, and which of the known operators has that name, which is looked up once.
///
/// An unknown operator keeps its name, so that errors can name its node and the node can be written again.
#[derive(Clone)]
pub struct Op {
    name: Cow<'static, str>,
    domain: Cow<'static, str>,
    /// The index in [`OPERATORS`](crate::ops::OPERATORS); `None` for an unknown operator.
    index: Option<usize>,
}

impl Op {
    /// The operator with index `index` in the list of operators.
    pub(crate) fn known(domain: &'static str, name: &'static str, index: usize) -> Self {
        Self { name: name.into(), domain: domain.into(), index: Some(index) }
    }

    /// An operator that is not in the list.
    pub(crate) fn unknown(domain: &str, name: &str) -> Self {
        Self { name: name.to_owned().into(), domain: domain.to_owned().into(), index: None }
    }

    /// The index in the list of operators; `None` for an unknown operator.
    pub(crate) fn index(&self) -> Option<usize> {
        self.index
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The domain; empty for ONNX's own.
    pub fn domain(&self) -> &str {
        &self.domain
    }
}

impl PartialEq for Op {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.domain == other.domain
    }
}

/// The name, whatever the domain.
impl PartialEq<str> for Op {
    fn eq(&self, name: &str) -> bool {
        self.name == name
    }
}

/// The name, whatever the domain.
impl PartialEq<&str> for Op {
    fn eq(&self, name: &&str) -> bool {
        self.name == *name
    }
}

/// The name.
impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

/// The domain, if it is not ONNX's own, and the name.
impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.domain {
            "" => write!(f, "{}", self.name),
            domain => write!(f, "{domain}.{}", self.name),
        }
    }
}
