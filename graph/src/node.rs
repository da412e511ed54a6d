//! Builds nodes and reads their attributes with the defaults of the operator's specification.

use std::collections::BTreeMap;

use crate::ops::Operator;
use crate::{Attribute, Error, Graph, Node, Op, Tensor};

macro_rules! attribute_from {
    ($($type:ty => $variant:ident),*) => {$(
        impl From<$type> for Attribute {
            fn from(value: $type) -> Self {
                Self::$variant(value)
            }
        }
    )*};
}

attribute_from!(
    i64 => Int, f32 => Float, String => String, Tensor => Tensor,
    Vec<i64> => Ints, Vec<f32> => Floats, Vec<String> => Strings, Graph => Graph
);

impl From<&str> for Attribute {
    fn from(value: &str) -> Self {
        Self::String(value.to_owned())
    }
}

impl Attribute {
    /// The attribute's type, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Int(_) => "an integer",
            Self::Float(_) => "a float",
            Self::String(_) => "a string",
            Self::Tensor(_) => "a tensor",
            Self::Ints(_) => "a list of integers",
            Self::Floats(_) => "a list of floats",
            Self::Strings(_) => "a list of strings",
            Self::Graph(_) => "a subgraph",
        }
    }
}

/// Defines an accessor that returns the attribute if it is present, and an error if it is of another type.
macro_rules! accessor {
    ($(#[$doc:meta])* $name:ident -> $type:ty, $kind:literal, $pattern:pat => $result:expr) => {
        $(#[$doc])*
        pub fn $name(&self, name: &str) -> Result<Option<$type>, Error> {
            match self.attributes.get(name) {
                None => Ok(None),
                Some($pattern) => Ok(Some($result)),
                Some(other) => Err(Error::attribute(
                    self,
                    name,
                    format!("must be {}, is {}", $kind, other.kind()),
                )),
            }
        }
    };
}

impl Node {
    /// A node of ONNX's own domain, without attributes.
    ///
    /// ```
    /// # use eightbit_graph::Node;
    /// let node = Node::new("pad", "Pad", &["x", "pads"], &["y"]).with("mode", "edge");
    /// assert_eq!(node.string("mode", "constant")?, "edge");
    /// # Ok::<(), eightbit_graph::Error>(())
    /// ```
    pub fn new(name: &str, op: &str, inputs: &[&str], outputs: &[&str]) -> Self {
        Self::of(op, name, inputs, outputs)
    }

    /// As [`new`](Self::new), for an [`Operator`], an [`Op`] of any domain, or a name in ONNX's own.
    pub fn of(op: impl Into<Op>, name: &str, inputs: &[&str], outputs: &[&str]) -> Self {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            name: name.to_owned(),
            op: op.into(),
            inputs: owned(inputs),
            outputs: owned(outputs),
            attributes: BTreeMap::new(),
        }
    }

    /// Adds an attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Attribute>) -> Self {
        self.attributes.insert(name.to_owned(), value.into());
        self
    }

    /// The definition of the node's operator; `None` if this crate does not implement it.
    pub fn operator(&self) -> Option<&'static Operator> {
        self.op.operator()
    }

    /// Whether this is a node of `operator`.
    pub fn is(&self, operator: &'static Operator) -> bool {
        self.operator().is_some_and(|own| std::ptr::eq(own, operator))
    }

    /// The name of input `index`; `None` if it is left out.
    pub fn input(&self, index: usize) -> Option<&str> {
        self.inputs.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The name of output `index`; `None` if it is left out.
    pub fn output(&self, index: usize) -> Option<&str> {
        self.outputs.get(index).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The name of input `index`; an error if it is left out.
    pub fn required_input(&self, index: usize) -> Result<&str, Error> {
        self.input(index).ok_or_else(|| Error::node(self, format!("input {index} is missing")))
    }

    /// The name of output `index`; an error if it is left out.
    pub fn required_output(&self, index: usize) -> Result<&str, Error> {
        self.output(index).ok_or_else(|| Error::node(self, format!("output {index} is missing")))
    }

    accessor!(
        /// The integer attribute `name`, if present.
        optional_int -> i64, "an integer", Attribute::Int(value) => *value
    );
    accessor!(
        /// The float attribute `name`, if present.
        optional_float -> f32, "a float", Attribute::Float(value) => *value
    );
    accessor!(
        /// The string attribute `name`, if present.
        optional_string -> &str, "a string", Attribute::String(value) => value.as_str()
    );
    accessor!(
        /// The tensor attribute `name`, if present.
        tensor -> &Tensor, "a tensor", Attribute::Tensor(value) => value
    );
    accessor!(
        /// The attribute `name`, a list of integers, if present.
        ints -> &[i64], "a list of integers", Attribute::Ints(value) => value.as_slice()
    );
    accessor!(
        /// The attribute `name`, a list of floats, if present.
        floats -> &[f32], "a list of floats", Attribute::Floats(value) => value.as_slice()
    );
    accessor!(
        /// The attribute `name`, a list of strings, if present.
        strings -> &[String], "a list of strings", Attribute::Strings(value) => value.as_slice()
    );

    /// The integer attribute `name`, `default` if absent.
    pub fn int(&self, name: &str, default: i64) -> Result<i64, Error> {
        Ok(self.optional_int(name)?.unwrap_or(default))
    }

    /// The integer attribute `name` as a flag: 0 is false, anything else is true.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, Error> {
        Ok(self.optional_int(name)?.map_or(default, |value| value != 0))
    }

    /// The float attribute `name`, `default` if absent.
    pub fn float(&self, name: &str, default: f32) -> Result<f32, Error> {
        Ok(self.optional_float(name)?.unwrap_or(default))
    }

    /// The string attribute `name`, `default` if absent.
    pub fn string<'a>(&'a self, name: &str, default: &'a str) -> Result<&'a str, Error> {
        Ok(self.optional_string(name)?.unwrap_or(default))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_have_defaults_and_types() {
        let node = Node::new("n", "Conv", &["x", "", "b"], &["y"]).with("group", 4).with("pads", vec![1, 1]);
        assert_eq!(node.int("group", 1).expect("int"), 4);
        assert_eq!(node.int("absent", 1).expect("default"), 1);
        assert_eq!(node.ints("pads").expect("ints"), Some(&[1i64, 1][..]));
        assert_eq!(node.ints("strides").expect("absent"), None);
        let error = node.float("group", 1.0).expect_err("an integer is not a float").to_string();
        assert_eq!(error, "node \"n\" (Conv): attribute \"group\": must be a float, is an integer");
        assert_eq!((node.input(0), node.input(1), node.input(2)), (Some("x"), None, Some("b")));
        assert!(node.required_input(1).is_err());
    }
}
