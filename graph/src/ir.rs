//! The one graph type that every pass, importer, exporter and the executor share.
//!
//! It is ONNX-shaped on purpose: nodes name the values they read and write by strings, so that a pass can be
//! tested on a graph of three lines and a written file keeps the names that its reader knew.

use std::collections::BTreeMap;

use crate::{DataType, Op, Tensor};

/// A value's name, type and shape. `None` in the shape is an open dimension: it may differ from run to run (a batch, say).
/// [`Graph::dimension_names`] may name it.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueInfo {
    /// The value's name.
    pub name: String,
    /// The element type.
    pub data_type: DataType,
    /// The dimensions, outermost first.
    pub shape: Vec<Option<usize>>,
}

/// A typed attribute of a [`Node`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Attribute {
    /// An integer (booleans are 0 and 1).
    Int(i64),
    /// A float.
    Float(f32),
    /// A string.
    String(String),
    /// A tensor.
    Tensor(Tensor),
    /// Integers.
    Ints(Vec<i64>),
    /// Floats.
    Floats(Vec<f32>),
    /// Strings.
    Strings(Vec<String>),
}

/// One operation: reads `inputs`, writes `outputs`. An empty input name is an optional input left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The node's name; unique in the graph, made up by the importer where the file has none.
    pub name: String,
    /// The operator: its name (`Conv`, `QuantizeLinear`, …), its domain, and what is known of it.
    pub op: Op,
    /// Names of the values read, in the operator's order.
    pub inputs: Vec<String>,
    /// Names of the values written, in the operator's order.
    pub outputs: Vec<String>,
    /// Attributes by name.
    pub attributes: BTreeMap<String, Attribute>,
}

/// A model: nodes in any order, constants by name, and the values that come in and go out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// The graph's name.
    pub name: String,
    /// Version of ONNX's own operator set that the nodes follow.
    pub opset: i64,
    /// What the caller gives at each run (constants are not listed here).
    pub inputs: Vec<ValueInfo>,
    /// What the caller gets.
    pub outputs: Vec<ValueInfo>,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// Constants by name (ONNX calls them initializers).
    pub constants: BTreeMap<String, Tensor>,
    /// Names of open dimensions of inputs and outputs, by value and axis: `("x", 0)` is `N`. They are for people, and for
    /// programs that read the file; nothing here depends on them.
    pub dimension_names: BTreeMap<(String, usize), String>,
}
