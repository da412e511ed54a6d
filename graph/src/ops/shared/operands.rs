//! The values of a graph in QDQ form while its operators are converted to operators on bytes.

use std::collections::{BTreeMap, HashMap};

use super::quantized_value::QuantizedValue;
use crate::{Names, Tensor};

/// Float values with a quantized form, and constants.
pub(crate) struct Operands {
    pub(crate) bytes: HashMap<String, QuantizedValue>,
    pub(crate) constants: BTreeMap<String, Tensor>,
    pub(crate) names: Names,
}

impl Operands {
    /// The quantized form of a float value.
    pub(crate) fn bytes(&self, value: &str) -> Option<QuantizedValue> {
        self.bytes.get(value).cloned()
    }

    /// The constant called `value`.
    pub(crate) fn constant(&self, value: &str) -> Option<&Tensor> {
        self.constants.get(value)
    }

    /// Adds a constant; returns its name, which begins with `stem`.
    pub(crate) fn add_constant(&mut self, stem: &str, tensor: Tensor) -> String {
        let name = self.names.fresh(stem);
        self.constants.insert(name.clone(), tensor);
        name
    }
}
