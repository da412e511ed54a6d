//! Why a transform failed, in the words of TensorFlow's tool where it has words for it.

use crate::grammar::GrammarError;

/// See the module.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TransformError {
    /// The list of transforms cannot be read.
    #[error("Failed to parse --transform argument, error was {0}")]
    Grammar(#[from] GrammarError),
    /// The list of transforms is empty.
    #[error("You must specify at least one transform.")]
    Empty,
    /// No transform has this name.
    #[error("Transform '{name}' not recognized. Known transforms: {known}.")]
    Unknown {
        /// The name.
        name: String,
        /// All transforms.
        known: String,
    },
    /// A parameter or the graph does not fit.
    #[error("{0}")]
    Invalid(String),
}

impl TransformError {
    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid(reason.into())
    }
}
