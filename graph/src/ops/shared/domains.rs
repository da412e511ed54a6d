//! Domains of operators other than ONNX's own, whose name is empty.

/// ONNX Runtime's own operators.
pub(crate) const MICROSOFT: &str = "com.microsoft";

/// Domain of the operators that neither ONNX nor ONNX Runtime defines.
pub const EIGHTBIT: &str = "eightbit";

/// TensorFlow's eight-bit operators, which read and write the range of each tensor beside it.
pub(crate) const TENSORFLOW: &str = "org.tensorflow";

/// Domains of QONNX's operators: the present one, and those that older exporters and FINN wrote.
pub(crate) const QONNX: &[&str] = &["qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general"];
