//! Runs a graph for its intermediate values.

use crate::exec::{Observer, Seen};
use crate::limits::constants_of;
use crate::{DataType, Error, Executor, ExecutorOptions, Graph, Limits, Tensor, ValueInfo};

/// `graph` with the values `values`, floats or bytes, in the place of its outputs.
pub(super) fn observed(graph: Graph, values: impl IntoIterator<Item = (String, DataType)>) -> Graph {
    let output = |(name, data_type)| ValueInfo { name, data_type, shape: Vec::new() };
    Graph { outputs: values.into_iter().map(output).collect(), ..graph }
}

/// A graph that runs for chosen values.
#[derive(Debug)]
pub(super) struct Runner {
    executor: Executor,
    limits: Limits,
    /// Bytes of the graph's constants.
    constants: u64,
}

impl Runner {
    /// Prepares to run `graph`, whose outputs are [`observed`] and distinct; the caller keeps copies of the first `copied`. `held` bytes of
    /// the limits are taken, the constants of `graph` among them.
    pub(super) fn new(graph: Graph, copied: usize, held: u64, limits: &Limits) -> Result<Self, Error> {
        let mut options = ExecutorOptions::default();
        options.shapes.limits = limits.clone();
        let constants = constants_of([&graph]);
        let beside = held.saturating_sub(constants);
        let executor = Executor::observed(graph, &options, beside, Observer { copied })?;
        Ok(Self { executor, limits: limits.clone(), constants })
    }

    /// Changes the number of bytes that are taken, the constants of the graph among them.
    ///
    /// # Errors
    ///
    /// [`Error::OverLimit`] if the runner does not fit beside them.
    pub(super) fn hold(&mut self, held: u64) -> Result<(), Error> {
        self.executor.hold(held.saturating_sub(self.constants), &self.limits)
    }

    /// The bytes that it takes beside the constants of its graph.
    pub(super) fn bytes(&self) -> u64 {
        self.executor.bytes().saturating_sub(self.constants)
    }

    /// Calls `see` with the position, the shape and the elements of each chosen value for `inputs`, in the order of execution.
    pub(super) fn run(
        &mut self,
        inputs: &[(&str, &Tensor)],
        see: impl FnMut(usize, &[usize], Seen<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.executor.observe(inputs, see)
    }
}
