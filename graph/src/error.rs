//! Errors of this crate. Every message names the thing and says what to do.

use std::path::{Path, PathBuf};

use crate::DataType;
use crate::error_list::{MissingOperator, listed, qualified, several};
use crate::escape::{self, escaped, quoted};

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", escape::path(path))]
    Io {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// A file has more bytes than the limit for its kind.
    #[error("{} has more than {limit} bytes, the limit for a file of this kind", escape::path(path))]
    FileTooLarge {
        /// The file.
        path: PathBuf,
        /// The limit in bytes.
        limit: u64,
    },
    /// A path names something that is not a file.
    #[error("{} is {kind}: give a file", escape::path(path))]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is: `a folder`, `a device`.
        kind: &'static str,
    },
    /// The bytes are not of the expected model format, or end before the model does.
    #[error("not {format} file, or truncated or damaged: {}", escape::reason(reason))]
    NotAModel {
        /// The format with its article: `an ONNX`.
        format: &'static str,
        /// Where reading stopped and why.
        reason: String,
    },
    /// The file decodes, but is inconsistent.
    #[error("invalid model: {}: {}", escape::reason(what), escape::reason(reason))]
    InvalidModel {
        /// The part of the model: `tensor "w"`, `graph "main"`.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The model uses a part of its format that this crate does not support.
    #[error("unsupported: {}: {}", escape::reason(what), escape::reason(reason))]
    UnsupportedModel {
        /// The part of the model.
        what: String,
        /// What is not supported and what to do instead.
        reason: String,
    },
    /// The operator set is older or newer than the supported ones.
    #[error(
        "unsupported operator set: the model imports version {version} of domain {}; \
         versions {oldest} to {newest} are supported: convert the model with onnx.version_converter",
        quoted(domain)
    )]
    UnsupportedOpset {
        /// The domain, `ai.onnx` for ONNX's own.
        domain: String,
        /// The version that the model imports.
        version: i64,
        /// The oldest supported version.
        oldest: i64,
        /// The newest supported version.
        newest: i64,
    },
    /// An operator, or one of its variants, is not implemented.
    #[error(
        "unsupported operator {} in node {}: {}",
        qualified(domain, op),
        quoted(node),
        escape::reason(reason)
    )]
    UnsupportedOp {
        /// The node's name.
        node: String,
        /// The operator.
        op: String,
        /// The operator's domain; empty for ONNX's own.
        domain: String,
        /// Which part of it is not supported.
        reason: String,
    },
    /// Operators of the model are not implemented: all of them, each with its nodes.
    #[error("unsupported operators: {}", listed(.0))]
    MissingOperators(Vec<MissingOperator>),
    /// Several things stop the model: all of them, each an error of its own.
    #[error("{}", several(.0))]
    Several(Vec<Error>),
    /// An attribute is missing, of another type than the operator defines, or out of range.
    #[error(
        "node {} ({}): attribute {}: {}",
        quoted(node),
        escaped(op),
        quoted(attribute),
        escape::reason(reason)
    )]
    InvalidAttribute {
        /// The node's name.
        node: String,
        /// The operator.
        op: String,
        /// The attribute's name.
        attribute: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A node's inputs, outputs or shapes do not fit its operator.
    #[error("node {} ({}): {}", quoted(node), escaped(op), escape::reason(reason))]
    InvalidNode {
        /// The node's name.
        node: String,
        /// The operator.
        op: String,
        /// What does not fit.
        reason: String,
    },
    /// A value (an input, a constant, a node's output) is missing or invalid.
    #[error("value {}: {}", quoted(value), escape::reason(reason))]
    InvalidValue {
        /// The value's name.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two items of one kind share a name.
    #[error("duplicate {kind} name {}: names must be unique in the graph", quoted(name))]
    DuplicateName {
        /// `node`, `value`, `input`, …
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// The nodes depend on each other in a cycle.
    #[error(
        "the graph has a cycle through node {} ({}): no execution order exists",
        quoted(node),
        escaped(op)
    )]
    Cycle {
        /// A node of the cycle.
        node: String,
        /// Its operator.
        op: String,
    },
    /// A tensor's shape does not fit its number of elements, or is too large to count.
    #[error("tensor of shape {}: {}", escape::reason(&format!("{shape:?}")), escape::reason(reason))]
    InvalidTensor {
        /// The shape.
        shape: Vec<usize>,
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor's elements are of another type than required.
    #[error("expected elements of type {expected}, found {found}")]
    WrongType {
        /// The required type.
        expected: DataType,
        /// The type that the tensor has.
        found: DataType,
    },
    /// An open dimension has no size.
    #[error(
        "value {}: dimension {axis} is not fixed: bind it (a batch of 1, say) or give the input's shape",
        quoted(value)
    )]
    UnknownDimension {
        /// The value's name.
        value: String,
        /// The dimension's index, outermost first, from 0.
        axis: usize,
    },
    /// The model exceeds [`Limits`](crate::Limits).
    #[error("{} takes {needs} {unit}, over the limit of {limit}", escape::reason(what))]
    OverLimit {
        /// What exceeds the limit: a value, the model as a whole.
        what: String,
        /// The amount needed, at least.
        needs: u64,
        /// The amount allowed.
        limit: u64,
        /// The unit: `elements`, `bytes`.
        unit: &'static str,
    },
    /// A run ended early because its caller asked for it. See [`RunOptions::cancel`](crate::RunOptions::cancel).
    #[error("the run was cancelled")]
    Cancelled,
    /// An argument of a call is invalid.
    #[error("{}: {}", escape::reason(argument), escape::reason(reason))]
    InvalidArgument {
        /// The argument: `percentile`, `calibration set`.
        argument: String,
        /// What is wrong with it and what is accepted.
        reason: String,
    },
}

impl Error {
    /// An [`Error::InvalidValue`] about the value `value`.
    pub fn value(value: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::InvalidValue { value: value.into(), reason: reason.into() }
    }

    /// An [`Error::InvalidModel`] about `what`.
    pub fn model(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::InvalidModel { what: what.into(), reason: reason.into() }
    }

    /// An [`Error::UnsupportedModel`] about `what`.
    pub fn unsupported_model(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::UnsupportedModel { what: what.into(), reason: reason.into() }
    }

    /// An [`Error::InvalidTensor`] about a tensor of shape `shape`.
    pub fn tensor(shape: &[usize], reason: impl Into<String>) -> Self {
        Self::InvalidTensor { shape: shape.to_vec(), reason: reason.into() }
    }

    /// An [`Error::InvalidArgument`] about `argument`.
    pub fn argument(argument: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::InvalidArgument { argument: argument.into(), reason: reason.into() }
    }

    /// An [`Error::Io`] about reading `path`.
    pub fn read(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { action: "read", path: path.as_ref().to_path_buf(), source }
    }

    /// An [`Error::Io`] about writing `path`.
    pub fn write(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { action: "write", path: path.as_ref().to_path_buf(), source }
    }

    /// Adds the name of the value `value` to errors that name nothing (a tensor's type or shape); others are unchanged.
    pub fn in_value(self, value: &str) -> Self {
        match self {
            Self::InvalidTensor { .. } | Self::WrongType { .. } => Self::value(value, self.to_string()),
            other => other,
        }
    }
}
