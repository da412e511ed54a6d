//! A network that takes part in a comparison.

use eightbit_graph::Graph;

use crate::engine::{Engine, Settings};
use crate::error::CliError;

/// The arithmetic of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Float,
    EightBit,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::EightBit => "eight-bit",
        }
    }
}

/// A network, ready to run.
pub(crate) struct Candidate {
    pub(crate) kind: Kind,
    /// The size of its file.
    pub(crate) bytes: usize,
    pub(crate) engine: Engine,
}

impl Candidate {
    /// Prepares `graph`, whose file has a number of bytes; `name` is for errors.
    pub(crate) fn new(
        kind: Kind,
        bytes: usize,
        name: &str,
        graph: &Graph,
        settings: &Settings,
    ) -> Result<Self, CliError> {
        Ok(Self { kind, bytes, engine: Engine::new(name, graph, settings)? })
    }
}
