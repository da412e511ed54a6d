//! What is known of the values of a graph in QDQ form while its operators get their forms on bytes.

use std::collections::{BTreeMap, HashMap};

use super::quantized_value::QuantizedValue;
use crate::{Names, Tensor};

/// Float values that are bytes, dequantized, and constants.
pub(crate) struct Operands {
    pub(crate) bytes: HashMap<String, QuantizedValue>,
    pub(crate) constants: BTreeMap<String, Tensor>,
    pub(crate) names: Names,
}

impl Operands {
    /// The bytes that a float value is, dequantized.
    pub(crate) fn bytes(&self, value: &str) -> Option<QuantizedValue> {
        self.bytes.get(value).cloned()
    }

    /// The constant called `value`.
    pub(crate) fn constant(&self, value: &str) -> Option<&Tensor> {
        self.constants.get(value)
    }

    /// Adds a constant; gives its name, which begins with `stem`.
    pub(crate) fn add_constant(&mut self, stem: &str, tensor: Tensor) -> String {
        let name = self.names.fresh(stem);
        self.constants.insert(name.clone(), tensor);
        name
    }
}
