//! The operators that have an eight-bit form.

use crate::node::value;
use crate::proto::{DataType, NodeDef, Value};

/// How an operator becomes one in eight bits.
pub(super) struct EightBit {
    pub(super) op: &'static str,
    /// Attributes that stay.
    pub(super) kept: &'static [&'static str],
    /// Attributes that hold the element types of the inputs.
    pub(super) types: &'static [&'static str],
    /// The attribute that holds the element type of the results if that is `qint32`; they are `quint8` otherwise.
    pub(super) wide: Option<&'static str>,
    /// The input that stays as it is, such as a shape.
    pub(super) plain: Option<usize>,
    /// Whether the least values of all inputs come before the greatest, not each with its own.
    pub(super) are_ranges_apart: bool,
}

impl EightBit {
    const fn new(op: &'static str, kept: &'static [&'static str], types: &'static [&'static str]) -> Self {
        Self { op, kept, types, wide: None, plain: None, are_ranges_apart: false }
    }

    const fn wide(mut self, attribute: &'static str) -> Self {
        self.wide = Some(attribute);
        self
    }

    const fn plain(mut self, input: usize) -> Self {
        self.plain = Some(input);
        self
    }

    const fn ranges_apart(mut self) -> Self {
        self.are_ranges_apart = true;
        self
    }
}

pub(super) static OPERATORS: [EightBit; 12] = [
    EightBit::new("Add", &[], &["T1", "T2"]).wide("Toutput"),
    EightBit::new("AvgPool", &["ksize", "strides", "padding"], &["T"]),
    EightBit::new("BiasAdd", &[], &["T1", "T2"]).wide("out_type"),
    EightBit::new("Concat", &["N"], &["T"]).plain(0).ranges_apart(),
    EightBit::new("Conv2D", &["strides", "padding"], &["Tinput", "Tfilter"]).wide("out_type"),
    EightBit::new("MatMul", &["transpose_a", "transpose_b"], &["T1", "T2"]).wide("Toutput"),
    EightBit::new("MaxPool", &["ksize", "strides", "padding"], &["T"]),
    EightBit::new("Mul", &[], &["T1", "T2"]).wide("Toutput"),
    EightBit::new("Relu", &[], &["Tinput"]),
    EightBit::new("ResizeBilinear", &["align_corners"], &["T"]).plain(1),
    EightBit::new("Relu6", &[], &["Tinput"]),
    EightBit::new("Reshape", &[], &["T"]).plain(1),
];

/// Whether the eight-bit kernel computes what the node's attributes ask for.
pub(super) fn is_supported(node: &NodeDef) -> bool {
    let text = |name: &str, default: &'static str| match value(node, name) {
        Some(Value::S(text)) => String::from_utf8_lossy(text).into_owned(),
        _ => default.to_owned(),
    };
    let has_holes = match value(node, "dilations") {
        Some(Value::List(list)) => list.i.iter().any(|&rate| rate != 1),
        _ => false,
    };
    let is_shifted = value(node, "half_pixel_centers") == Some(&Value::B(true));
    text("data_format", "NHWC") == "NHWC" && text("padding", "SAME") != "EXPLICIT" && !has_holes && !is_shifted
}

pub(super) const CODES: DataType = DataType::Quint8;
pub(super) const SUMS: DataType = DataType::Qint32;
