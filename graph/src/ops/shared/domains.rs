//! Domains of operators beside ONNX's own, whose name is empty.

/// ONNX Runtime's own operators.
pub(crate) const MICROSOFT: &str = "com.microsoft";

/// Domain of the operators that ONNX and ONNX Runtime do not name.
pub const EIGHTBIT: &str = "eightbit";
