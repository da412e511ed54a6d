//! Finds operators by their names.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::{OPERATORS, Operator};
use crate::Op;

/// By domain and name.
static BY_NAME: LazyLock<HashMap<(&str, &str), Op>> = LazyLock::new(|| {
    let names = |(index, operator): (usize, &&'static Operator)| {
        let (domains, name) = (operator.domains, operator.name);
        domains.iter().map(move |&domain| ((domain, name), Op::known(domain, name, index)))
    };
    OPERATORS.iter().enumerate().flat_map(names).collect()
});

/// The operator called `name` in `domain`, which is empty for ONNX's own; `None` if this crate does not implement it.
pub fn find(domain: &str, name: &str) -> Option<&'static Operator> {
    BY_NAME.get(&(domain, name))?.operator()
}

impl Op {
    /// The operator `name` of `domain`; the empty domain is ONNX's own.
    pub fn new(domain: &str, name: &str) -> Self {
        BY_NAME.get(&(domain, name)).cloned().unwrap_or_else(|| Self::unknown(domain, name))
    }

    /// Its definition; `None` for operators that this crate does not implement.
    pub fn operator(&self) -> Option<&'static Operator> {
        self.index().map(|index| OPERATORS[index])
    }
}

/// In the operator's first domain.
impl From<&'static Operator> for Op {
    fn from(operator: &'static Operator) -> Self {
        Self::new(operator.domains.first().copied().unwrap_or_default(), operator.name)
    }
}

/// By ONNX's name.
impl From<&str> for Op {
    fn from(name: &str) -> Self {
        Self::new("", name)
    }
}
