//! Why training fails.

use eightbit_graph::quoted;

/// An error of this crate. Messages name the thing and say what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument that has no meaning here.
    #[error("{name}: {reason}")]
    Argument {
        /// The argument.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A node of a network that cannot be trained here.
    #[error("node {} ({op}): {reason}", quoted(node))]
    Unsupported {
        /// The node.
        node: String,
        /// Its operator.
        op: String,
        /// Why, and what can be trained.
        reason: String,
    },
    /// A checkpoint that is damaged, or of another training.
    #[error("the checkpoint cannot be used: {0}")]
    Checkpoint(String),
    /// What a format cannot say.
    #[error("the format {format} cannot hold this network: {reason}")]
    Format {
        /// The format.
        format: &'static str,
        /// What it cannot say, and which format can.
        reason: String,
    },
    /// An error of tensors, which a network that was checked does not make.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// An error of a graph.
    #[error(transparent)]
    Graph(#[from] eightbit_graph::Error),
}

impl Error {
    pub(crate) fn argument(name: &'static str, reason: impl Into<String>) -> Self {
        Self::Argument { name, reason: reason.into() }
    }
}
