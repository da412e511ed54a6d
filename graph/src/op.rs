//! The operator of a node.

use std::borrow::Cow;
use std::fmt;

use crate::ops::{self, Operator};

/// The operator of a node: its name in the file, and the [`Operator`] of that name, which is looked up once.
///
/// An unknown operator keeps its name, so that errors can name its node and the node can be written again.
#[derive(Clone)]
pub struct Op {
    name: Cow<'static, str>,
    domain: Cow<'static, str>,
    operator: Option<&'static Operator>,
}

impl Op {
    /// The operator `name` of `domain`; the empty domain is ONNX's own.
    pub fn new(domain: &str, name: &str) -> Self {
        let operator = ops::find(domain, name);
        let known = operator.and_then(|operator| {
            let domain = operator.domains.iter().find(|known| **known == domain)?;
            Some((operator.name, *domain))
        });
        match known {
            Some((name, domain)) => Self { name: name.into(), domain: domain.into(), operator },
            None => Self { name: name.to_owned().into(), domain: domain.to_owned().into(), operator: None },
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// The domain; empty for ONNX's own.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Its definition; `None` for operators that this crate does not implement.
    pub fn operator(&self) -> Option<&'static Operator> {
        self.operator
    }
}

/// In the operator's first domain.
impl From<&'static Operator> for Op {
    fn from(operator: &'static Operator) -> Self {
        let domain = operator.domains.first().copied().unwrap_or_default();
        Self { name: operator.name.into(), domain: domain.into(), operator: Some(operator) }
    }
}

/// By ONNX's name.
impl From<&str> for Op {
    fn from(name: &str) -> Self {
        Self::new("", name)
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
