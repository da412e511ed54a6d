//! The versions of ONNX's own operator set that are read and written.

/// The oldest operator set that can be read.
pub const OLDEST_OPSET: i64 = 1;
/// The newest operator set that can be read.
pub const NEWEST_OPSET: i64 = 26;
/// The oldest operator set of a graph in memory, and the one of a written QDQ model by default.
pub const DEFAULT_OPSET: i64 = 13;
